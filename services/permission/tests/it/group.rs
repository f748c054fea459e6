//! Groups, members and group admins.

use slipway_fault::{Fault, Reason};
use slipway_wire::permission::v1::{
    AddMemberRequest, CreateGroupRequest, CreateGroupResponse, GetGroupRequest, Grant, Group,
    ListGroupsRequest, ListMembersRequest, ObjectKind, RemoveMemberRequest, Role, Subject,
    SubjectKind,
};
use tonic::Status;
use uuid::Uuid;

use crate::fixtures::{
    Fixture, assert_same_fault, everyone, fields, grant, object, platform, reason, refused,
    subject, user_subject,
};

slipway_testrig::on_both_databases!(
    group_admins_manage_members,
    adding_an_existing_member_changes_only_admin,
    list_groups_returns_exactly_the_visible_groups,
    absent_and_invisible_groups_give_the_same_error,
    invalid_group_names_the_field,
    create_group_with_same_request_id_returns_first_group,
);

async fn get(fixture: &Fixture, caller: &str, group: &str) -> Result<Group, Status> {
    let request = fixture.call(caller, GetGroupRequest { group: group.to_owned() }).await;
    let response = fixture.group_service().get_group(request).await?;

    Ok(response.into_inner().group.unwrap())
}

/// Adds a member to `vision`.
async fn add_member(
    fixture: &Fixture,
    caller: &str,
    user_id: &str,
    admin: bool,
) -> Result<(), Status> {
    let request =
        AddMemberRequest { group: "vision".to_owned(), user_id: user_id.to_owned(), admin };
    let request = fixture.call(caller, request).await;

    fixture.group_service().add_member(request).await.map(|_| ())
}

/// Removes a member of `vision`.
async fn remove_member(fixture: &Fixture, caller: &str, user_id: &str) -> Result<(), Status> {
    let request = RemoveMemberRequest { group: "vision".to_owned(), user_id: user_id.to_owned() };
    let request = fixture.call(caller, request).await;

    fixture.group_service().remove_member(request).await.map(|_| ())
}

/// Sorted names of the members of `vision`; admins with a `!` in front.
async fn members(fixture: &Fixture, caller: &str) -> Vec<String> {
    let request = ListMembersRequest { group: "vision".to_owned(), ..Default::default() };
    let request = fixture.call(caller, request).await;
    let response = fixture.group_service().list_members(request).await.unwrap().into_inner();

    let mut names = Vec::new();
    for member in response.members {
        names.push(format!("{}{}", if member.admin { "!" } else { "" }, member.user_name));
    }
    names.sort();
    names
}

async fn group_admins_manage_members(fixture: Fixture) {
    fixture.create_group("vision", &["!alice", "bob"]).await;
    let alice = fixture.user("alice").await.id;
    let carol = fixture.user("carol").await.id;
    let absent = Uuid::nil().to_string();

    let by_stranger = add_member(&fixture, "carol", &carol, true).await;
    assert_eq!(reason(by_stranger), Reason::GroupNotFound);
    let by_member = add_member(&fixture, "bob", &carol, false).await;
    assert_eq!(reason(by_member), Reason::RoleMissing);
    let of_absent_user = add_member(&fixture, "alice", &absent, false).await;
    assert_eq!(reason(of_absent_user), Reason::UserNotFound);

    add_member(&fixture, "alice", &carol, false).await.unwrap();
    assert_eq!(members(&fixture, "carol").await, ["!alice", "bob", "carol"]);
    assert_eq!(fixture.get_self("carol").await.groups, ["vision"]);

    add_member(&fixture, "alice", &carol, true).await.unwrap();
    remove_member(&fixture, "carol", &alice).await.unwrap();
    assert_eq!(members(&fixture, "bob").await, ["!carol", "bob"]);
    let by_removed = remove_member(&fixture, "alice", &carol).await;
    assert_eq!(reason(by_removed), Reason::GroupNotFound);
    assert_eq!(fixture.get_self("alice").await.groups, Vec::<String>::new());
}

async fn adding_an_existing_member_changes_only_admin(fixture: Fixture) {
    let vision = fixture.create_group("vision", &["!alice", "bob"]).await;
    let bob = fixture.user("bob").await.id;

    add_member(&fixture, "alice", &bob, true).await.unwrap();
    assert_eq!(members(&fixture, "alice").await, ["!alice", "!bob"]);

    let events = fixture.event_types(&vision).await;
    add_member(&fixture, "alice", &bob, true).await.unwrap();
    assert_eq!(fixture.event_types(&vision).await, events, "a repeated call changes nothing");
}

/// Names of the groups of all pages.
async fn list(fixture: &Fixture, caller: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut page_token = String::new();

    loop {
        let request = fixture.call(caller, ListGroupsRequest { page_size: 2, page_token }).await;
        let page = fixture.group_service().list_groups(request).await.unwrap().into_inner();

        names.extend(page.groups.into_iter().map(|group| group.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

fn on_group(name: &str, role: Role, subject: Subject) -> Grant {
    grant(object(ObjectKind::Group, name), role, subject)
}

async fn list_groups_returns_exactly_the_visible_groups(fixture: Fixture) {
    const ALL: &[&str] = &["ended", "given", "hidden", "led", "lent", "mine", "open"];
    for name in ALL.iter().filter(|name| **name != "mine") {
        fixture.create_group(name, &[]).await;
    }
    fixture.create_group("mine", &["alice", "!bob"]).await;

    let alice = fixture.user("alice").await.id;
    let reader = fixture.user("reader").await.id;
    fixture.user("mallory").await;
    let ended = on_group("ended", Role::Manager, user_subject(&alice));
    for grant in [
        on_group("given", Role::Reader, user_subject(&alice)),
        on_group("lent", Role::Writer, subject(SubjectKind::Group, "mine")),
        on_group("led", Role::Manager, subject(SubjectKind::GroupAdmins, "mine")),
        on_group("open", Role::Reader, everyone()),
        Grant { expire_time: Some(fixture.in_one_hour().await.into()), ..ended },
        grant(platform(), Role::Reader, user_subject(&reader)),
    ] {
        fixture.create_grant("admin", grant).await.unwrap();
    }
    assert_eq!(list(&fixture, "alice").await, ["ended", "given", "lent", "mine", "open"]);
    fixture.execute("update grants set expire_time = 1 where expire_time is not null").await;

    for (caller, want) in [
        ("alice", &["given", "lent", "mine", "open"][..]),
        ("bob", &["led", "lent", "mine", "open"]),
        ("mallory", &["open"]),
        ("reader", ALL),
        ("admin", ALL),
    ] {
        let mut visible = Vec::new();
        for name in ALL {
            if get(&fixture, caller, name).await.is_ok() {
                visible.push(*name);
            }
        }

        assert_eq!(visible, want, "GetGroup of {caller}");
        assert_eq!(list(&fixture, caller).await, want, "ListGroups of {caller}");
    }
}

async fn refused_get(fixture: &Fixture, group: &str) -> Fault {
    refused(get(fixture, "mallory", group).await)
}

async fn absent_and_invisible_groups_give_the_same_error(fixture: Fixture) {
    let hidden = fixture.create_group("hidden", &[]).await;
    let absent = Uuid::now_v7().to_string();

    for (hidden, absent) in [("hidden", "absent"), (hidden.as_str(), absent.as_str())] {
        let of_hidden = refused_get(&fixture, hidden).await;
        let of_absent = refused_get(&fixture, absent).await;
        assert_same_fault((&of_hidden, hidden), (&of_absent, absent), Reason::GroupNotFound);
    }
    assert_eq!(refused_get(&fixture, "a\0b").await.reason(), Reason::GroupNotFound);
}

async fn create(
    fixture: &Fixture,
    request: &CreateGroupRequest,
) -> Result<CreateGroupResponse, Status> {
    let request = fixture.call("admin", request.clone()).await;

    fixture.group_service().create_group(request).await.map(tonic::Response::into_inner)
}

async fn invalid_group_names_the_field(fixture: Fixture) {
    fixture.create_group("taken", &[]).await;
    let too_long = "x".repeat(65);

    for (name, display_name, want, field) in [
        ("", "", Reason::FieldInvalid, "name"),
        ("A b", "", Reason::FieldInvalid, "name"),
        ("system", "", Reason::FieldInvalid, "name"),
        ("slipway", "", Reason::FieldInvalid, "name"),
        ("a\0", "", Reason::FieldInvalid, "name"),
        ("0192a5c0-7b1e-7cc1-8f5e-2f6d7a1b3c4d", "", Reason::FieldInvalid, "name"),
        ("fine", "a\0", Reason::FieldInvalid, "display_name"),
        ("fine", "two\nlines", Reason::FieldInvalid, "display_name"),
        ("fine", "\u{85}", Reason::FieldInvalid, "display_name"),
        ("fine", &too_long, Reason::FieldInvalid, "display_name"),
        ("taken", "", Reason::NameTaken, "name"),
    ] {
        let request = CreateGroupRequest {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            ..Default::default()
        };
        let fault = refused(create(&fixture, &request).await);
        assert_eq!((fault.reason(), fields(&fault)), (want, vec![field]), "{request:?}");
    }

    assert_eq!(list(&fixture, "admin").await, ["taken"], "a refusal creates no group");
}

async fn create_group_with_same_request_id_returns_first_group(fixture: Fixture) {
    let request = CreateGroupRequest {
        name: "vision".to_owned(),
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };

    let first = create(&fixture, &request).await.unwrap();
    assert_eq!(create(&fixture, &request).await.unwrap(), first);
    let events = fixture.event_types(&first.group.unwrap().id).await;
    assert_eq!(
        events.iter().filter(|event_type| *event_type == "permission.group.created").count(),
        1
    );

    let other = CreateGroupRequest { display_name: "Other".to_owned(), ..request.clone() };
    assert_eq!(reason(create(&fixture, &other).await), Reason::RequestIdReused);
    let without = CreateGroupRequest { request_id: String::new(), ..request };
    assert_eq!(reason(create(&fixture, &without).await), Reason::NameTaken);
}

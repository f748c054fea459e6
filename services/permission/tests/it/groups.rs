//! Groups, members and group admins.

use slipway_fault::Reason;
use slipway_wire::permission::v1::{
    AddMemberRequest, CreateGroupRequest, GetGroupRequest, Grant, ListGroupsRequest,
    ListMembersRequest, ObjectKind, RemoveMemberRequest, Role, SubjectKind,
};
use uuid::Uuid;

use crate::worlds::{World, fields, grant, object, reason, refused, subject};

slipway_testrig::on_both_databases!(
    members_and_group_admins,
    the_list_is_what_can_be_got,
    absent_and_forbidden_groups_are_the_same,
    bad_names_name_their_field,
    a_group_by_request_id,
);

async fn members_and_group_admins(world: World) {
    world.group("vision", &["!alice", "bob"]).await;
    let carol = world.user("carol").await.id;
    let add = async |subject: &str, user_id: &str, admin| {
        let request =
            AddMemberRequest { group: "vision".to_owned(), user_id: user_id.to_owned(), admin };
        world.groups().add_member(world.call(subject, request).await).await
    };
    let remove = async |subject: &str, user_id: &str| {
        let request =
            RemoveMemberRequest { group: "vision".to_owned(), user_id: user_id.to_owned() };
        world.groups().remove_member(world.call(subject, request).await).await
    };
    let members = async |subject: &str| {
        let request = ListMembersRequest { group: "vision".to_owned(), ..Default::default() };
        let members = world
            .groups()
            .list_members(world.call(subject, request).await)
            .await
            .unwrap()
            .into_inner()
            .members;
        let mut names: Vec<String> = members
            .into_iter()
            .map(|member| format!("{}{}", if member.admin { "!" } else { "" }, member.user_name))
            .collect();
        names.sort();
        names
    };
    assert_eq!(reason(add("carol", &carol, true).await), Reason::GroupNotFound);
    assert_eq!(reason(add("bob", &carol, false).await), Reason::RoleMissing);
    assert_eq!(reason(add("alice", &Uuid::nil().to_string(), false).await), Reason::UserNotFound);
    add("alice", &carol, false).await.unwrap();
    assert_eq!(members("carol").await, ["!alice", "bob", "carol"]);
    assert_eq!(world.self_of("carol").await.groups, ["vision"]);

    add("alice", &carol, true).await.unwrap();
    let before = world.events_about(&group_id(&world, "vision").await).await;
    add("alice", &carol, true).await.unwrap();
    assert_eq!(
        world.events_about(&group_id(&world, "vision").await).await,
        before,
        "the same again changes nothing"
    );
    let alice = world.user("alice").await.id;
    remove("carol", &alice).await.unwrap();
    assert_eq!(members("bob").await, ["!carol", "bob"]);
    assert_eq!(reason(remove("alice", &carol).await), Reason::GroupNotFound);
    assert_eq!(world.self_of("alice").await.groups, Vec::<String>::new());
}

async fn group_id(world: &World, name: &str) -> String {
    let request = GetGroupRequest { group: name.to_owned() };
    world
        .groups()
        .get_group(world.call("admin", request).await)
        .await
        .unwrap()
        .into_inner()
        .group
        .unwrap()
        .id
}

/// Names of all pages.
async fn listed(world: &World, subject: &str) -> Vec<String> {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListGroupsRequest { page_size: 2, page_token };
        let page = world
            .groups()
            .list_groups(world.call(subject, request).await)
            .await
            .unwrap()
            .into_inner();
        names.extend(page.groups.into_iter().map(|group| group.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

async fn the_list_is_what_can_be_got(world: World) {
    const ALL: &[&str] = &["ended", "given", "hidden", "led", "lent", "mine", "open"];
    for name in ALL.iter().filter(|name| **name != "mine") {
        world.group(name, &[]).await;
    }
    world.group("mine", &["alice", "!bob"]).await;
    let (alice, reader) = (world.user("alice").await.id, world.user("reader").await.id);
    world.user("mallory").await;
    let in_an_hour =
        slipway_database::from_micros(chrono::Utc::now().timestamp_micros() + 3_600_000_000);
    let on = |name: &str, role, kind, id: &str| {
        grant(object(ObjectKind::Group, name), role, subject(kind, id))
    };
    for given in [
        on("given", Role::Reader, SubjectKind::User, &alice),
        on("lent", Role::Writer, SubjectKind::Group, "mine"),
        on("led", Role::Manager, SubjectKind::GroupAdmins, "mine"),
        on("open", Role::Reader, SubjectKind::Everyone, ""),
        Grant {
            expire_time: Some(in_an_hour.into()),
            ..on("ended", Role::Manager, SubjectKind::User, &alice)
        },
        grant(object(ObjectKind::Platform, ""), Role::Reader, subject(SubjectKind::User, &reader)),
    ] {
        world.give("admin", given).await.unwrap();
    }
    assert_eq!(listed(&world, "alice").await, ["ended", "given", "lent", "mine", "open"]);
    world.execute("update role_grant set expire = 1 where expire is not null").await;

    for (caller, want) in [
        ("alice", &["given", "lent", "mine", "open"][..]),
        ("bob", &["led", "lent", "mine", "open"]),
        ("mallory", &["open"]),
        ("reader", ALL),
        ("admin", ALL),
    ] {
        let mut got = Vec::new();
        for name in ALL {
            let request = GetGroupRequest { group: (*name).to_owned() };
            if world.groups().get_group(world.call(caller, request).await).await.is_ok() {
                got.push(*name);
            }
        }
        assert_eq!(got, want, "{caller} gets");
        assert_eq!(listed(&world, caller).await, want, "{caller} lists");
    }
}

async fn absent_and_forbidden_groups_are_the_same(world: World) {
    let hidden = world.group("hidden", &[]).await;
    let get = async |group: &str| {
        refused(
            world
                .groups()
                .get_group(world.call("mallory", GetGroupRequest { group: group.to_owned() }).await)
                .await,
        )
    };
    for (forbidden, absent) in
        [("hidden".to_owned(), "absent".to_owned()), (hidden, Uuid::now_v7().to_string())]
    {
        let (no, none) = (get(&forbidden).await, get(&absent).await);
        assert_eq!(
            (no.reason(), no.message().replace(&forbidden, "it")),
            (none.reason(), none.message().replace(&absent, "it"))
        );
        assert_eq!(no.reason(), Reason::GroupNotFound);
    }
    assert_eq!(get("a\0b").await.reason(), Reason::GroupNotFound);
}

async fn bad_names_name_their_field(world: World) {
    world.group("taken", &[]).await;
    let check = async |name: &str, display_name: &str, want: Reason, field: &str| {
        let request = CreateGroupRequest {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            ..Default::default()
        };
        let fault = refused(world.groups().create_group(world.call("admin", request).await).await);
        assert_eq!(
            (fault.reason(), fields(&fault)),
            (want, vec![field]),
            "{name:?} {display_name:?}"
        );
    };
    for name in ["", "A b", "system", "slipway", "a\0", "0192a5c0-7b1e-7cc1-8f5e-2f6d7a1b3c4d"] {
        check(name, "", Reason::FieldInvalid, "name").await;
    }
    for display_name in ["a\0", "two\nlines", "\u{85}", &"x".repeat(65)] {
        check("fine", display_name, Reason::FieldInvalid, "display_name").await;
    }
    check("taken", "", Reason::NameTaken, "name").await;
    assert_eq!(listed(&world, "admin").await, ["taken"]);
}

async fn a_group_by_request_id(world: World) {
    let request = CreateGroupRequest {
        name: "vision".to_owned(),
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };
    let create = async |request: &CreateGroupRequest| {
        world.groups().create_group(world.call("admin", request.clone()).await).await
    };
    let first = create(&request).await.unwrap().into_inner();
    let second = create(&request).await.unwrap().into_inner();
    assert_eq!(first, second);
    assert_eq!(
        world
            .events_about(&first.group.unwrap().id)
            .await
            .iter()
            .filter(|kind| *kind == "permission.group.created")
            .count(),
        1
    );
    let other = CreateGroupRequest { display_name: "Other".to_owned(), ..request.clone() };
    assert_eq!(reason(create(&other).await), Reason::RequestIdReused);
    let without = CreateGroupRequest { request_id: String::new(), ..request };
    assert_eq!(reason(create(&without).await), Reason::NameTaken);
}

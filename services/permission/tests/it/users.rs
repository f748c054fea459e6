//! Users: at first sight, invited, platform admins.

use slipway_fault::Reason;
use slipway_identity::DEVELOPMENT_ISSUER;
use slipway_wire::permission::v1::{
    DeleteGrantRequest, GetUserRequest, Grant, InviteUserRequest, ObjectKind, Role, SubjectKind,
    User,
};
use tonic::Status;
use uuid::Uuid;

use crate::worlds::{World, fields, grant, object, reason, refused, subject};

slipway_testrig::on_both_databases!(
    a_seen_user_is_invited_no_more,
    an_invitation_by_request_id,
    bad_text_names_its_field,
    users_are_for_platform_readers,
    the_last_admin_stays,
    bootstrap_is_for_a_platform_without_managers,
);

fn invitation(subject: &str, name: &str) -> InviteUserRequest {
    InviteUserRequest { subject: subject.to_owned(), name: name.to_owned(), ..Default::default() }
}

async fn invite(world: &World, request: InviteUserRequest) -> Result<User, Status> {
    world
        .users()
        .invite_user(world.call("admin", request).await)
        .await
        .map(|response| response.into_inner().user.unwrap())
}

async fn a_seen_user_is_invited_no_more(world: World) {
    let invited = invite(&world, invitation("alice", "Alice")).await.unwrap();
    assert_eq!((invited.seen, invited.name.as_str()), (false, "Alice"));
    assert_eq!(invite(&world, invitation("alice", "")).await.unwrap(), invited);
    assert_eq!(
        world.events_about(&invited.id).await,
        ["permission.user.invited"],
        "nothing changed the second time"
    );
    assert_eq!(invite(&world, invitation("alice", "Alice B.")).await.unwrap().name, "Alice B.");
    let told = ["permission.user.invited", "permission.user.invited"];
    assert_eq!(world.events_about(&invited.id).await, told);

    let seen = world.user("alice").await;
    assert_eq!(
        (seen.id.as_str(), seen.seen, seen.name.as_str()),
        (invited.id.as_str(), true, "alice")
    );
    assert_eq!(seen.create_time, invited.create_time);
    assert_eq!(invite(&world, invitation("alice", "Mallory")).await.unwrap(), seen);
    assert_eq!(world.user("alice").await, seen);
    assert_eq!(world.events_about(&invited.id).await, told, "a user who was seen is not invited");
}

async fn an_invitation_by_request_id(world: World) {
    let request = InviteUserRequest {
        request_id: Uuid::now_v7().to_string(),
        ..invitation("alice", "Alice")
    };
    let first = invite(&world, request.clone()).await.unwrap();
    assert_eq!(invite(&world, request.clone()).await.unwrap(), first);
    assert_eq!(world.events_about(&first.id).await, ["permission.user.invited"]);
    let other = InviteUserRequest { subject: "bob".to_owned(), ..request };
    assert_eq!(
        reason(world.users().invite_user(world.call("admin", other).await).await),
        Reason::RequestIdReused
    );
}

async fn bad_text_names_its_field(world: World) {
    let check = async |request: InviteUserRequest, want: &str| {
        let fault =
            refused(world.users().invite_user(world.call("admin", request.clone()).await).await);
        assert_eq!(
            (fault.reason(), fields(&fault)),
            (Reason::FieldInvalid, vec![want]),
            "{request:?}"
        );
    };
    for text in ["a\0", "a\nb", "\u{1b}[2J", &"x".repeat(256)] {
        check(invitation(text, "fine"), "subject").await;
        check(invitation("fine", text), "name").await;
    }
    check(invitation("", "fine"), "subject").await;
    check(
        InviteUserRequest { issuer: "https://elsewhere".to_owned(), ..invitation("fine", "") },
        "issuer",
    )
    .await;
    check(InviteUserRequest { request_id: "7".to_owned(), ..invitation("fine", "") }, "request_id")
        .await;
    invite(&world, invitation(&"é".repeat(255), &"é".repeat(255))).await.unwrap();
}

async fn users_are_for_platform_readers(world: World) {
    let id = world.user("alice").await.id;
    let get = async |subject: &str, user_id: &str| {
        world
            .users()
            .get_user(world.call(subject, GetUserRequest { user_id: user_id.to_owned() }).await)
            .await
    };
    assert_eq!(reason(get("alice", &id).await), Reason::RoleMissing);
    world
        .give(
            "admin",
            grant(object(ObjectKind::Platform, ""), Role::Reader, subject(SubjectKind::User, &id)),
        )
        .await
        .unwrap();
    assert_eq!(get("alice", &id).await.unwrap().into_inner().user.unwrap().id, id);
    assert_eq!(reason(get("alice", &Uuid::nil().to_string()).await), Reason::UserNotFound);
    assert_eq!(
        reason(world.users().invite_user(world.call("alice", invitation("bob", "")).await).await),
        Reason::RoleMissing
    );
}

async fn the_last_admin_stays(world: World) {
    let platform = || object(ObjectKind::Platform, "");
    let delete = async |subject: &str, grant: &Grant| {
        world
            .grants()
            .delete_grant(
                world.call(subject, DeleteGrantRequest { grant_id: grant.id.clone() }).await,
            )
            .await
    };
    let first = world.grants_on(platform()).await.remove(0);
    assert_eq!(reason(delete("admin", &first).await), Reason::LastAdmin);

    let bob = world.user("bob").await.id;
    let manager = || grant(platform(), Role::Manager, subject(SubjectKind::User, &bob));
    let in_an_hour =
        slipway_database::from_micros(chrono::Utc::now().timestamp_micros() + 3_600_000_000);
    world.give("admin", Grant { expire_time: Some(in_an_hour.into()), ..manager() }).await.unwrap();
    assert_eq!(
        reason(delete("bob", &first).await),
        Reason::LastAdmin,
        "one with an end does not count"
    );
    let second = world.give("admin", manager()).await.unwrap();
    delete("bob", &first).await.unwrap();
    assert!(!world.self_of("admin").await.platform_admin);
    assert_eq!(reason(delete("bob", &second).await), Reason::LastAdmin);
}

async fn bootstrap_is_for_a_platform_without_managers(world: World) {
    let start = async || {
        world.app.bootstrap(&[(DEVELOPMENT_ISSUER.to_owned(), "root".to_owned())]).await.unwrap()
    };
    let root = world.user("root").await;
    start().await;
    assert!(!world.self_of("root").await.platform_admin, "somebody manages the platform already");

    world.execute("update role_grant set expire = 1").await;
    assert!(!world.self_of("admin").await.platform_admin);
    start().await;
    start().await;
    assert!(world.self_of("root").await.platform_admin, "an expired grant is none");
    let managers = world.app.store().snapshot().await.unwrap().grants;
    assert_eq!(managers.len(), 2, "the expired one, and one more however often the service starts");
    assert_eq!(world.user("root").await, root);
    assert_eq!(
        world.events_about(&root.id).await,
        Vec::<String>::new(),
        "nobody is invited who was seen"
    );
}

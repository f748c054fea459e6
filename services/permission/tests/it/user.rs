//! Users: at their first call, invited, and as platform admins.

use slipway_fault::Reason;
use slipway_wire::permission::v1::{GetUserRequest, InviteUserRequest, Role, User};
use tonic::Status;
use uuid::Uuid;

use crate::fixtures::{Fixture, claims, fields, grant, platform, reason, refused, user_subject};

slipway_testrig::on_both_databases!(
    invitation_of_seen_user_changes_nothing,
    repeated_invitation_changes_only_the_name,
    invite_user_with_same_request_id_returns_first_user,
    invalid_invitation_names_the_field,
    get_user_is_for_platform_readers,
    bootstrap_creates_admins_only_while_there_is_none,
);

const INVITED: &str = "permission.user.invited";

fn invitation(subject: &str, name: &str) -> InviteUserRequest {
    InviteUserRequest { subject: subject.to_owned(), name: name.to_owned(), ..Default::default() }
}

async fn invite(
    fixture: &Fixture,
    caller: &str,
    request: InviteUserRequest,
) -> Result<User, Status> {
    let request = fixture.call(caller, request).await;
    let response = fixture.user_service().invite_user(request).await?;

    Ok(response.into_inner().user.unwrap())
}

async fn repeated_invitation_changes_only_the_name(fixture: Fixture) {
    let invited = invite(&fixture, "admin", invitation("alice", "Alice")).await.unwrap();
    assert_eq!((invited.seen, invited.name.as_str()), (false, "Alice"));

    let without_name = invite(&fixture, "admin", invitation("alice", "")).await.unwrap();
    assert_eq!(without_name, invited);
    assert_eq!(fixture.event_types(&invited.id).await, [INVITED], "nothing has changed");

    let renamed = invite(&fixture, "admin", invitation("alice", "Alice B.")).await.unwrap();
    assert_eq!(renamed, User { name: "Alice B.".to_owned(), ..invited.clone() });
    assert_eq!(fixture.event_types(&invited.id).await, [INVITED, INVITED]);
}

async fn invitation_of_seen_user_changes_nothing(fixture: Fixture) {
    let invited = invite(&fixture, "admin", invitation("alice", "Alice")).await.unwrap();

    let seen = fixture.user("alice").await;
    assert_eq!(seen, User { seen: true, name: "alice".to_owned(), ..invited.clone() });

    assert_eq!(invite(&fixture, "admin", invitation("alice", "Mallory")).await.unwrap(), seen);
    assert_eq!(fixture.user("alice").await, seen);
    assert_eq!(fixture.event_types(&invited.id).await, [INVITED], "only the first one counts");
}

async fn invite_user_with_same_request_id_returns_first_user(fixture: Fixture) {
    let request = InviteUserRequest {
        request_id: Uuid::now_v7().to_string(),
        ..invitation("alice", "Alice")
    };

    let first = invite(&fixture, "admin", request.clone()).await.unwrap();
    assert_eq!(invite(&fixture, "admin", request.clone()).await.unwrap(), first);
    assert_eq!(fixture.event_types(&first.id).await, [INVITED]);

    let other = InviteUserRequest { subject: "bob".to_owned(), ..request };
    assert_eq!(reason(invite(&fixture, "admin", other).await), Reason::RequestIdReused);
}

async fn invalid_invitation_names_the_field(fixture: Fixture) {
    let too_long = "x".repeat(256);
    let of_issuer =
        InviteUserRequest { issuer: "https://elsewhere".to_owned(), ..invitation("fine", "") };
    let of_request_id = InviteUserRequest { request_id: "7".to_owned(), ..invitation("fine", "") };
    let mut requests = vec![
        (invitation("", "fine"), "subject"),
        (of_issuer, "issuer"),
        (of_request_id, "request_id"),
    ];
    for text in ["a\0", "a\nb", "\u{1b}[2J", &too_long] {
        requests.push((invitation(text, "fine"), "subject"));
        requests.push((invitation("fine", text), "name"));
    }

    for (request, want) in requests {
        let fault = refused(invite(&fixture, "admin", request.clone()).await);
        let got = (fault.reason(), fields(&fault));
        assert_eq!(got, (Reason::FieldInvalid, vec![want]), "{request:?}");
    }

    let longest = "é".repeat(255);
    invite(&fixture, "admin", invitation(&longest, &longest)).await.unwrap();
}

async fn get(fixture: &Fixture, caller: &str, user_id: &str) -> Result<User, Status> {
    let request = fixture.call(caller, GetUserRequest { user_id: user_id.to_owned() }).await;
    let response = fixture.user_service().get_user(request).await?;

    Ok(response.into_inner().user.unwrap())
}

async fn get_user_is_for_platform_readers(fixture: Fixture) {
    let alice = fixture.user("alice").await.id;
    assert_eq!(reason(get(&fixture, "alice", &alice).await), Reason::RoleMissing);

    let reader = grant(platform(), Role::Reader, user_subject(&alice));
    fixture.create_grant("admin", reader).await.unwrap();
    assert_eq!(get(&fixture, "alice", &alice).await.unwrap().id, alice);

    let absent = Uuid::nil().to_string();
    assert_eq!(reason(get(&fixture, "alice", &absent).await), Reason::UserNotFound);
    let invited = invite(&fixture, "alice", invitation("bob", "")).await;
    assert_eq!(reason(invited), Reason::RoleMissing, "READER cannot invite");
}

/// Bootstraps with `root` as the configured admin.
async fn bootstrap(fixture: &Fixture) {
    fixture.app.bootstrap(&[claims("root")]).await.unwrap();
}

async fn bootstrap_creates_admins_only_while_there_is_none(fixture: Fixture) {
    let root = fixture.user("root").await;
    bootstrap(&fixture).await;
    assert!(!fixture.get_self("root").await.platform_admin, "there is a platform admin");

    fixture.execute("update grants set expire_time = 1").await;
    assert!(!fixture.get_self("admin").await.platform_admin);
    bootstrap(&fixture).await;
    bootstrap(&fixture).await;
    assert!(fixture.get_self("root").await.platform_admin, "an expired grant does not count");

    let grants = fixture.store.snapshot().await.unwrap().grants;
    assert_eq!(grants.len(), 2, "the expired grant, and one grant of the first bootstrap");
    assert_eq!(fixture.user("root").await, root);
    let events = fixture.event_types(&root.id).await;
    assert_eq!(events, Vec::<String>::new(), "a user who has called is not invited");
}

//! Checks: decided on what is stored, about the caller, and about other users for services.

use slipway_fault::Reason;
use slipway_wire::permission::v1::{
    BatchCheckRequest, CheckRequest, CheckResponse, ObjectKind, Role,
};
use uuid::Uuid;

use crate::fixtures::{Fixture, fields, grant, object, platform, reason, refused, user_subject};

slipway_testrig::on_both_databases!(
    batch_check_returns_results_in_order,
    batch_check_of_too_many_is_refused,
    check_with_another_kind_than_stored_shows_nothing,
    check_of_another_user_is_for_services_only
);

fn check(kind: ObjectKind, id: &str, role: Role) -> CheckRequest {
    CheckRequest { user_id: String::new(), object: Some(object(kind, id)), role: role.into() }
}

fn describe(result: CheckResponse) -> String {
    match (result.allowed, result.visible, result.object_id.is_empty()) {
        (true, true, false) => format!("allowed {}", result.object_name),
        (false, true, false) => format!("visible {}", result.object_name),
        (false, false, true) => format!("nothing{}", result.object_name),
        _ => format!("{result:?}"),
    }
}

async fn batch_check_returns_results_in_order(fixture: Fixture) {
    let vision = fixture.create_group("vision", &["!alice", "bob"]).await;
    fixture.create_group("hidden", &[]).await;
    let checks = vec![
        check(ObjectKind::Group, "vision", Role::Reader),
        check(ObjectKind::Group, &vision, Role::Manager),
        check(ObjectKind::Group, "hidden", Role::Reader),
        check(ObjectKind::Group, "absent", Role::Reader),
        check(ObjectKind::Platform, "", Role::Reader),
        check(ObjectKind::Image, &Uuid::now_v7().to_string(), Role::Reader),
    ];
    let alice = ["allowed vision", "allowed vision", "nothing", "nothing", "nothing", "nothing"];
    let bob = ["allowed vision", "visible vision", "nothing", "nothing", "nothing", "nothing"];
    let admin =
        ["allowed vision", "allowed vision", "allowed hidden", "nothing", "allowed ", "nothing"];

    for (caller, want) in
        [("alice", alice), ("bob", bob), ("mallory", ["nothing"; 6]), ("admin", admin)]
    {
        let request = BatchCheckRequest { checks: checks.clone() };
        let request = fixture.call(caller, request).await;
        let response = fixture.permission_service().batch_check(request).await.unwrap();

        let results = response.into_inner().results;
        let got: Vec<String> = results.into_iter().map(describe).collect();
        assert_eq!(got, want, "{caller}");
    }
}

async fn batch_check_of_too_many_is_refused(fixture: Fixture) {
    let checks = vec![check(ObjectKind::Platform, "", Role::Reader); 101];
    let request = fixture.call("admin", BatchCheckRequest { checks }).await;

    let fault = refused(fixture.permission_service().batch_check(request).await);

    assert_eq!((fault.reason(), fields(&fault)), (Reason::FieldInvalid, vec!["checks"]));
}

async fn check_with_another_kind_than_stored_shows_nothing(fixture: Fixture) {
    let vision = fixture.create_group("vision", &["!alice"]).await;

    for (kind, want) in [(ObjectKind::Group, (true, true)), (ObjectKind::Image, (false, false))] {
        let request = fixture.call("alice", check(kind, &vision, Role::Reader)).await;
        let response = fixture.permission_service().check(request).await.unwrap().into_inner();

        assert_eq!((response.allowed, response.visible), want, "{kind:?}");
    }
}

async fn check_of_another_user_is_for_services_only(fixture: Fixture) {
    let alice = fixture.user("alice").await.id;
    let writer = grant(platform(), Role::Writer, user_subject(&alice));
    fixture.create_grant("admin", writer).await.unwrap();
    let check = CheckRequest { user_id: alice, ..check(ObjectKind::Platform, "", Role::Writer) };

    let own = fixture.call("alice", check.clone()).await;
    assert!(fixture.permission_service().check(own).await.unwrap().into_inner().allowed);

    let of_admin = fixture.call("admin", check.clone()).await;
    assert_eq!(reason(fixture.permission_service().check(of_admin).await), Reason::ServiceOnly);

    let of_service = fixture.service_call(check).await;
    assert!(fixture.permission_service().check(of_service).await.unwrap().into_inner().allowed);
}

//! Checks: answered from what is stored, about oneself, and about others for services.

use slipway_fault::Reason;
use slipway_wire::permission::v1::{
    BatchCheckRequest, CheckRequest, ObjectKind, Role, SubjectKind,
};
use uuid::Uuid;

use crate::worlds::{World, fields, grant, object, reason, refused, subject};

slipway_testrig::on_both_databases!(
    a_batch_is_answered_in_its_order,
    a_kind_that_is_not_the_stored_one_is_nothing,
    others_are_for_services
);

fn check(kind: ObjectKind, id: &str, role: Role) -> CheckRequest {
    CheckRequest { user_id: String::new(), object: Some(object(kind, id)), role: role.into() }
}

async fn a_batch_is_answered_in_its_order(world: World) {
    let vision = world.group("vision", &["!alice", "bob"]).await;
    world.group("hidden", &[]).await;
    let checks = vec![
        check(ObjectKind::Group, "vision", Role::Reader),
        check(ObjectKind::Group, &vision, Role::Manager),
        check(ObjectKind::Group, "hidden", Role::Reader),
        check(ObjectKind::Group, "absent", Role::Reader),
        check(ObjectKind::Platform, "", Role::Reader),
        check(ObjectKind::Image, &Uuid::now_v7().to_string(), Role::Reader),
    ];
    for (caller, want) in [
        ("alice", ["allowed vision", "allowed vision", "nothing", "nothing", "nothing", "nothing"]),
        ("bob", ["allowed vision", "visible vision", "nothing", "nothing", "nothing", "nothing"]),
        ("mallory", ["nothing"; 6]),
        (
            "admin",
            [
                "allowed vision",
                "allowed vision",
                "allowed hidden",
                "nothing",
                "allowed ",
                "nothing",
            ],
        ),
    ] {
        let request = BatchCheckRequest { checks: checks.clone() };
        let results = world
            .checks()
            .batch_check(world.call(caller, request).await)
            .await
            .unwrap()
            .into_inner()
            .results;
        let got: Vec<String> = results
            .into_iter()
            .map(|result| match (result.allowed, result.visible, result.object_id.is_empty()) {
                (true, true, false) => format!("allowed {}", result.object_name),
                (false, true, false) => format!("visible {}", result.object_name),
                (false, false, true) => format!("nothing{}", result.object_name),
                _ => format!("{result:?}"),
            })
            .collect();
        assert_eq!(got, want, "{caller}");
    }
    let request =
        BatchCheckRequest { checks: vec![check(ObjectKind::Platform, "", Role::Reader); 101] };
    let fault = refused(world.checks().batch_check(world.call("admin", request).await).await);
    assert_eq!((fault.reason(), fields(&fault)), (Reason::FieldInvalid, vec!["checks"]));
}

async fn a_kind_that_is_not_the_stored_one_is_nothing(world: World) {
    let vision = world.group("vision", &["!alice"]).await;
    let ask = async |kind| {
        let answer = world
            .checks()
            .check(world.call("alice", check(kind, &vision, Role::Reader)).await)
            .await
            .unwrap()
            .into_inner();
        (answer.allowed, answer.visible)
    };
    assert_eq!(ask(ObjectKind::Group).await, (true, true));
    assert_eq!(ask(ObjectKind::Image).await, (false, false));
}

async fn others_are_for_services(world: World) {
    let alice = world.user("alice").await.id;
    world
        .give(
            "admin",
            grant(
                object(ObjectKind::Platform, ""),
                Role::Writer,
                subject(SubjectKind::User, &alice),
            ),
        )
        .await
        .unwrap();
    let request = CheckRequest { user_id: alice, ..check(ObjectKind::Platform, "", Role::Writer) };
    assert!(
        world
            .checks()
            .check(world.call("alice", request.clone()).await)
            .await
            .unwrap()
            .into_inner()
            .allowed
    );
    assert_eq!(
        reason(world.checks().check(world.call("admin", request.clone()).await).await),
        Reason::ServiceOnly
    );
    assert!(
        world.checks().check(world.service_call(request).await).await.unwrap().into_inner().allowed
    );
}

//! Objects, as the catalog registers them.

use slipway_fault::{Fault, Reason};
use slipway_wire::permission::v1::{
    GrantTemplate, ObjectKind, RegisterObjectRequest, RegisterObjectResponse, RemoveObjectRequest,
    Role, Subject, SubjectKind,
};
use uuid::Uuid;

use crate::worlds::{World, fields, grant, object, reason, subject};

slipway_testrig::on_both_databases!(
    a_registration_replaces_the_one_before,
    repeated_grants_are_one,
    refusals_name_their_field,
    only_the_catalog_registers,
);

fn registration(id: &str, subjects: Vec<Subject>) -> RegisterObjectRequest {
    let grants = subjects
        .into_iter()
        .map(|subject| GrantTemplate { subject: Some(subject), role: Role::Reader.into() });
    RegisterObjectRequest {
        object_id: id.to_owned(),
        kind: ObjectKind::Image.into(),
        owner_group_id: String::new(),
        grants: grants.collect(),
    }
}

async fn register(
    world: &World,
    request: RegisterObjectRequest,
) -> Result<RegisterObjectResponse, Fault> {
    let answer = world.objects().register_object(world.service_call(request).await).await;
    answer.map(tonic::Response::into_inner).map_err(Fault::from)
}

async fn a_registration_replaces_the_one_before(world: World) {
    let id = Uuid::now_v7().to_string();
    let image = || object(ObjectKind::Image, &id);
    let vision = world.group("vision", &["!alice", "bob"]).await;
    let owned = |subjects| RegisterObjectRequest {
        owner_group_id: vision.clone(),
        ..registration(&id, subjects)
    };
    let first = register(&world, owned(vec![subject(SubjectKind::Group, "vision")])).await.unwrap();
    assert!(world.may("alice", Role::Manager, image()).await, "the owner's admins manage it");
    assert!(world.may("bob", Role::Reader, image()).await);
    assert!(!world.may("bob", Role::Writer, image()).await);
    let carol = world.user("carol").await.id;
    world
        .give("alice", grant(image(), Role::Writer, subject(SubjectKind::User, &carol)))
        .await
        .unwrap();

    let second = register(&world, owned(Vec::new())).await.unwrap();
    assert!(second.revision > first.revision);
    assert!(!world.may("bob", Role::Reader, image()).await);
    assert!(world.may("carol", Role::Writer, image()).await, "what people gave stays");
    assert_eq!(
        register(&world, owned(Vec::new())).await.unwrap(),
        second,
        "the same again changes nothing"
    );
    assert_eq!(
        register(&world, registration(&id, Vec::new())).await.unwrap_err().reason(),
        Reason::Conflict,
        "an object keeps its owner"
    );

    let remove = async || {
        world
            .objects()
            .remove_object(world.service_call(RemoveObjectRequest { object_id: id.clone() }).await)
            .await
            .unwrap()
    };
    let gone = remove().await;
    assert!(!world.may("alice", Role::Reader, image()).await);
    assert!(
        !world.may("admin", Role::Reader, image()).await,
        "nobody has a role on what is not there"
    );
    assert_eq!(remove().await.into_inner(), gone.into_inner());
}

async fn repeated_grants_are_one(world: World) {
    let id = Uuid::now_v7().to_string();
    let vision = world.group("vision", &[]).await;
    let everyone = || subject(SubjectKind::Everyone, "");
    register(&world, registration(&id, vec![everyone(); 1_000])).await.unwrap();
    assert_eq!(world.grants_on(object(ObjectKind::Image, &id)).await.len(), 1);
    let both = vec![subject(SubjectKind::Group, "vision"), subject(SubjectKind::Group, &vision)];
    register(&world, registration(&id, both)).await.unwrap();
    assert_eq!(
        world.grants_on(object(ObjectKind::Image, &id)).await.len(),
        1,
        "by name and by id it is one group"
    );

    let users: Vec<Subject> =
        (0..102).map(|_| subject(SubjectKind::User, &Uuid::now_v7().to_string())).collect();
    let fault = register(&world, registration(&id, users.clone())).await.unwrap_err();
    assert_eq!((fault.reason(), fields(&fault)), (Reason::FieldInvalid, vec!["grants"]));
    let fault = register(&world, registration(&id, users[..101].to_vec())).await.unwrap_err();
    assert_eq!(
        fault.reason(),
        Reason::UserNotFound,
        "a hundred and everyone are not too many: the first of them is looked up"
    );
    assert_eq!(
        world.grants_on(object(ObjectKind::Image, &id)).await.len(),
        1,
        "a refusal changes nothing"
    );
}

async fn refusals_name_their_field(world: World) {
    let id = Uuid::now_v7().to_string();
    let everyone = || subject(SubjectKind::Everyone, "");
    let check = async |request: RegisterObjectRequest, want: Reason, field: &str| {
        let fault = register(&world, request.clone()).await.unwrap_err();
        assert_eq!((fault.reason(), fields(&fault)), (want, vec![field]), "{request:?}");
    };
    let bad = Reason::FieldInvalid;
    let second = |subject| registration(&id, vec![everyone(), subject]);
    check(second(subject(SubjectKind::Everyone, "x")), bad, "grants[1].subject.id").await;
    check(second(subject(SubjectKind::User, "x")), bad, "grants[1].subject.id").await;
    check(second(subject(SubjectKind::User, &id)), Reason::UserNotFound, "grants[1].subject.id")
        .await;
    check(
        second(subject(SubjectKind::Group, "absent")),
        Reason::GroupNotFound,
        "grants[1].subject.id",
    )
    .await;
    check(second(subject(SubjectKind::Unspecified, "")), bad, "grants[1].subject.kind").await;
    check(
        RegisterObjectRequest { kind: ObjectKind::Group.into(), ..registration(&id, Vec::new()) },
        bad,
        "kind",
    )
    .await;
    check(registration("python", Vec::new()), bad, "object_id").await;
    check(
        RegisterObjectRequest {
            owner_group_id: "vision".to_owned(),
            ..registration(&id, Vec::new())
        },
        bad,
        "owner_group_id",
    )
    .await;
}

async fn only_the_catalog_registers(world: World) {
    let id = Uuid::now_v7().to_string();
    for caller in ["admin", "mallory"] {
        let request = registration(&id, Vec::new());
        assert_eq!(
            reason(world.objects().register_object(world.call(caller, request).await).await),
            Reason::ServiceOnly
        );
        let request = RemoveObjectRequest { object_id: id.clone() };
        assert_eq!(
            reason(world.objects().remove_object(world.call(caller, request).await).await),
            Reason::ServiceOnly
        );
    }
}

//! Registration of objects by the catalog.

use slipway_fault::Reason;
use slipway_wire::permission::v1::{
    GrantTemplate, ObjectKind, RegisterObjectRequest, RegisterObjectResponse, RemoveObjectRequest,
    RemoveObjectResponse, Role, Subject, SubjectKind,
};
use tonic::Status;
use uuid::Uuid;

use crate::fixtures::{
    Fixture, everyone, fields, grant, object, reason, refused, subject, user_subject,
};

slipway_testrig::on_both_databases!(
    registration_replaces_registered_grants,
    removed_object_gives_no_role,
    repeated_grants_of_registration_count_once,
    registration_with_too_many_grants_is_refused,
    invalid_registration_names_the_field,
    registration_is_for_the_catalog_only,
);

/// A registration of a system image with READER for these subjects.
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
    fixture: &Fixture,
    request: RegisterObjectRequest,
) -> Result<RegisterObjectResponse, Status> {
    let request = fixture.service_call(request).await;

    fixture.object_service().register_object(request).await.map(tonic::Response::into_inner)
}

async fn remove(fixture: &Fixture, id: &str) -> RemoveObjectResponse {
    let request = fixture.service_call(RemoveObjectRequest { object_id: id.to_owned() }).await;

    fixture.object_service().remove_object(request).await.unwrap().into_inner()
}

async fn registration_replaces_registered_grants(fixture: Fixture) {
    let id = Uuid::now_v7().to_string();
    let image = || object(ObjectKind::Image, &id);
    let vision = fixture.create_group("vision", &["!alice", "bob"]).await;
    let without_grants =
        RegisterObjectRequest { owner_group_id: vision.clone(), ..registration(&id, Vec::new()) };
    let with_group = RegisterObjectRequest {
        owner_group_id: vision,
        ..registration(&id, vec![subject(SubjectKind::Group, "vision")])
    };

    let first = register(&fixture, with_group).await.unwrap();
    assert!(fixture.has_role("alice", Role::Manager, image()).await, "admins of the owner");
    assert!(fixture.has_role("bob", Role::Reader, image()).await);
    assert!(!fixture.has_role("bob", Role::Writer, image()).await);
    let carol = fixture.user("carol").await.id;
    let writer = grant(image(), Role::Writer, user_subject(&carol));
    fixture.create_grant("alice", writer).await.unwrap();

    let second = register(&fixture, without_grants.clone()).await.unwrap();
    assert!(second.policy_version > first.policy_version);
    assert!(!fixture.has_role("bob", Role::Reader, image()).await);
    assert!(fixture.has_role("carol", Role::Writer, image()).await, "grants of users stay");

    let repeated = register(&fixture, without_grants).await.unwrap();
    assert_eq!(repeated, second, "a repeated registration changes nothing");
    let with_another_owner = register(&fixture, registration(&id, Vec::new())).await;
    assert_eq!(reason(with_another_owner), Reason::Conflict, "an object keeps its owner");
}

async fn removed_object_gives_no_role(fixture: Fixture) {
    let id = Uuid::now_v7().to_string();
    let image = object(ObjectKind::Image, &id);
    let vision = fixture.create_group("vision", &["!alice"]).await;
    let owned =
        RegisterObjectRequest { owner_group_id: vision, ..registration(&id, vec![everyone()]) };
    register(&fixture, owned).await.unwrap();
    let bob = fixture.user("bob").await.id;
    let writer = grant(image.clone(), Role::Writer, user_subject(&bob));
    fixture.create_grant("alice", writer).await.unwrap();

    let removed = remove(&fixture, &id).await;
    for caller in ["alice", "bob", "mallory"] {
        assert!(!fixture.has_role(caller, Role::Reader, image.clone()).await, "{caller}");
    }
    assert!(
        !fixture.has_role("admin", Role::Reader, image).await,
        "not even the platform admin has a role on an absent object"
    );
    assert_eq!(remove(&fixture, &id).await, removed, "a repeated removal changes nothing");
}

async fn repeated_grants_of_registration_count_once(fixture: Fixture) {
    let id = Uuid::now_v7().to_string();
    let image = || object(ObjectKind::Image, &id);
    let vision = fixture.create_group("vision", &[]).await;

    register(&fixture, registration(&id, vec![everyone(); 1_000])).await.unwrap();
    assert_eq!(fixture.grants_of(image()).await.len(), 1);

    let both = vec![subject(SubjectKind::Group, "vision"), subject(SubjectKind::Group, &vision)];
    register(&fixture, registration(&id, both)).await.unwrap();
    assert_eq!(fixture.grants_of(image()).await.len(), 1, "the same group by name and by id");
}

async fn registration_with_too_many_grants_is_refused(fixture: Fixture) {
    let id = Uuid::now_v7().to_string();
    register(&fixture, registration(&id, vec![everyone()])).await.unwrap();
    let users: Vec<Subject> = (0..102).map(|_| user_subject(&Uuid::now_v7().to_string())).collect();

    let of_102 = refused(register(&fixture, registration(&id, users.clone())).await);
    assert_eq!((of_102.reason(), fields(&of_102)), (Reason::FieldInvalid, vec!["grants"]));

    let of_101 = register(&fixture, registration(&id, users[..101].to_vec())).await;
    assert_eq!(
        reason(of_101),
        Reason::UserNotFound,
        "101 grants are allowed, so the first user is looked up"
    );

    let grants = fixture.grants_of(object(ObjectKind::Image, &id)).await;
    assert_eq!(grants.len(), 1, "a refusal changes nothing");
}

async fn invalid_registration_names_the_field(fixture: Fixture) {
    let id = Uuid::now_v7().to_string();
    let second = |subject| registration(&id, vec![everyone(), subject]);
    let of_group =
        RegisterObjectRequest { kind: ObjectKind::Group.into(), ..registration(&id, Vec::new()) };
    let of_named_owner = RegisterObjectRequest {
        owner_group_id: "vision".to_owned(),
        ..registration(&id, Vec::new())
    };
    let absent = Reason::GroupNotFound;
    let invalid = Reason::FieldInvalid;

    for (request, want, field) in [
        (second(subject(SubjectKind::Everyone, "x")), invalid, "grants[1].subject.id"),
        (second(user_subject("x")), invalid, "grants[1].subject.id"),
        (second(user_subject(&id)), Reason::UserNotFound, "grants[1].subject.id"),
        (second(subject(SubjectKind::Group, "absent")), absent, "grants[1].subject.id"),
        (second(subject(SubjectKind::Unspecified, "")), invalid, "grants[1].subject.kind"),
        (of_group, invalid, "kind"),
        (registration("python", Vec::new()), invalid, "object_id"),
        (of_named_owner, invalid, "owner_group_id"),
    ] {
        let fault = refused(register(&fixture, request.clone()).await);

        assert_eq!((fault.reason(), fields(&fault)), (want, vec![field]), "{request:?}");
    }
}

async fn registration_is_for_the_catalog_only(fixture: Fixture) {
    let id = Uuid::now_v7().to_string();

    for caller in ["admin", "mallory"] {
        let request = fixture.call(caller, registration(&id, Vec::new())).await;
        let registered = fixture.object_service().register_object(request).await;
        assert_eq!(reason(registered), Reason::ServiceOnly, "{caller}");

        let request = fixture.call(caller, RemoveObjectRequest { object_id: id.clone() }).await;
        let removed = fixture.object_service().remove_object(request).await;
        assert_eq!(reason(removed), Reason::ServiceOnly, "{caller}");
    }
}

//! Grants of users: who can create which, when they expire, and which can be deleted.

use chrono::DateTime;
use slipway_fault::{Fault, Reason};
use slipway_names::unit::Micros;
use slipway_wire::permission::v1::{
    CreateGrantRequest, CreateGrantResponse, Grant, GrantTemplate, ListGrantsRequest,
    ListGrantsResponse, ObjectKind, ObjectReference, RegisterObjectRequest, Role, SubjectKind,
};
use tonic::Status;
use uuid::Uuid;

use crate::fixtures::{
    Fixture, assert_same_fault, everyone, fields, grant, object, platform, reason, refused,
    subject, user_subject,
};

slipway_testrig::on_both_databases!(
    delete_of_registered_grant_is_refused,
    delete_of_last_platform_admin_is_refused,
    created_grant_exists_beside_registered_one,
    repeated_grant_returns_the_existing_one,
    create_grant_with_same_request_id_returns_first_grant,
    invalid_grant_names_the_field,
    grant_to_invisible_group_is_refused_like_absent_group,
    delete_of_unmanaged_grant_is_refused_like_absent_grant,
    expired_grant_gives_no_role,
    list_grants_returns_pages,
);

/// Registers a system image that everyone can read.
async fn register_image(fixture: &Fixture) -> ObjectReference {
    let id = Uuid::now_v7().to_string();
    let request = RegisterObjectRequest {
        object_id: id.clone(),
        kind: ObjectKind::Image.into(),
        owner_group_id: String::new(),
        grants: vec![GrantTemplate { subject: Some(everyone()), role: Role::Reader.into() }],
    };
    let request = fixture.service_call(request).await;
    fixture.object_service().register_object(request).await.unwrap();

    object(ObjectKind::Image, &id)
}

async fn delete_of_last_platform_admin_is_refused(fixture: Fixture) {
    let first = fixture.grants_of(platform()).await.remove(0);
    assert_eq!(reason(fixture.delete_grant("admin", &first.id).await), Reason::LastAdmin);

    let bob = fixture.user("bob").await.id;
    let manager = grant(platform(), Role::Manager, user_subject(&bob));
    let expiring =
        Grant { expire_time: Some(fixture.in_one_hour().await.into()), ..manager.clone() };
    fixture.create_grant("admin", expiring).await.unwrap();
    assert_eq!(
        reason(fixture.delete_grant("bob", &first.id).await),
        Reason::LastAdmin,
        "an admin whose grant expires does not count"
    );

    let second = fixture.create_grant("admin", manager).await.unwrap();
    fixture.delete_grant("bob", &first.id).await.unwrap();
    assert!(!fixture.get_self("admin").await.platform_admin);
    assert_eq!(reason(fixture.delete_grant("bob", &second.id).await), Reason::LastAdmin);
}

async fn delete_of_registered_grant_is_refused(fixture: Fixture) {
    let image = register_image(&fixture).await;
    let vision = fixture.create_group("vision", &["!alice"]).await;

    for (on, caller, call) in [
        (image, "admin", "SetImageAccess"),
        (object(ObjectKind::Group, &vision), "alice", "AddMember or RemoveMember"),
    ] {
        let registered = fixture.grants_of(on.clone()).await;
        assert!(!registered.is_empty(), "{call}");

        for grant in &registered {
            let fault = refused(fixture.delete_grant(caller, &grant.id).await);
            assert_eq!(fault.reason(), Reason::GrantRegistered);
            assert!(fault.message().contains(call), "{fault}");
        }
        assert_eq!(fixture.grants_of(on).await, registered, "a refusal changes nothing");
    }
}

async fn created_grant_exists_beside_registered_one(fixture: Fixture) {
    let image = register_image(&fixture).await;

    let reader = grant(image.clone(), Role::Reader, everyone());
    let created = fixture.create_grant("admin", reader).await.unwrap();
    assert_eq!(fixture.grants_of(image.clone()).await.len(), 2);

    fixture.delete_grant("admin", &created.id).await.unwrap();
    assert!(fixture.has_role("mallory", Role::Reader, image.clone()).await);
    assert_eq!(fixture.grants_of(image).await.len(), 1);
}

async fn repeated_grant_returns_the_existing_one(fixture: Fixture) {
    let image = register_image(&fixture).await;
    let alice = fixture.user("alice").await.id;
    let reader = grant(image.clone(), Role::Reader, user_subject(&alice));

    let first = fixture.create_grant("admin", reader.clone()).await.unwrap();
    assert_eq!(fixture.create_grant("admin", reader.clone()).await.unwrap(), first);

    let writer = Grant { role: Role::Writer.into(), ..reader };
    let writer = fixture.create_grant("admin", writer).await.unwrap();
    assert_ne!(writer.id, first.id, "another role is another grant");
    assert_eq!(fixture.grants_of(image).await.len(), 3);
}

async fn create(
    fixture: &Fixture,
    request: &CreateGrantRequest,
) -> Result<CreateGrantResponse, Status> {
    let request = fixture.call("admin", request.clone()).await;

    fixture.grant_service().create_grant(request).await.map(tonic::Response::into_inner)
}

async fn create_grant_with_same_request_id_returns_first_grant(fixture: Fixture) {
    let image = register_image(&fixture).await;
    let request = CreateGrantRequest {
        grant: Some(grant(image.clone(), Role::Writer, everyone())),
        request_id: Uuid::now_v7().to_string(),
    };

    let first = create(&fixture, &request).await.unwrap();
    assert_eq!(create(&fixture, &request).await.unwrap(), first);

    let other = CreateGrantRequest {
        grant: Some(grant(image.clone(), Role::Manager, everyone())),
        ..request.clone()
    };
    assert_eq!(reason(create(&fixture, &other).await), Reason::RequestIdReused);

    fixture.delete_grant("admin", &first.grant.unwrap().id).await.unwrap();
    assert_eq!(
        reason(create(&fixture, &request).await),
        Reason::GrantNotFound,
        "a repeated request does not bring a deleted grant back"
    );
    assert_eq!(fixture.grants_of(image).await.len(), 1);
}

async fn invalid_grant_names_the_field(fixture: Fixture) {
    let image = register_image(&fixture).await;
    let absent = Uuid::now_v7().to_string();
    let to = |kind, id: &str| grant(image.clone(), Role::Reader, subject(kind, id));
    let on = |kind, id: &str| grant(object(kind, id), Role::Reader, everyone());
    let on_platform = || grant(platform(), Role::Reader, everyone());
    let past = DateTime::from(Micros(1)).into();
    let invalid = Reason::FieldInvalid;

    for (grant, want, field) in [
        (to(SubjectKind::Everyone, "everyone"), invalid, "grant.subject.id"),
        (to(SubjectKind::User, ""), invalid, "grant.subject.id"),
        (to(SubjectKind::User, "alice"), invalid, "grant.subject.id"),
        (to(SubjectKind::User, &absent), Reason::UserNotFound, "grant.subject.id"),
        (to(SubjectKind::Group, "absent"), Reason::GroupNotFound, "grant.subject.id"),
        (to(SubjectKind::GroupAdmins, &absent), Reason::GroupNotFound, "grant.subject.id"),
        (to(SubjectKind::Unspecified, ""), invalid, "grant.subject.kind"),
        (on(ObjectKind::Platform, "platform"), invalid, "grant.object.id"),
        (on(ObjectKind::Image, "python"), invalid, "grant.object.id"),
        (on(ObjectKind::Unspecified, ""), invalid, "grant.object.kind"),
        (Grant { subject: None, ..on_platform() }, invalid, "grant.subject"),
        (Grant { object: None, ..on_platform() }, invalid, "grant.object"),
        (Grant { role: 0, ..on_platform() }, invalid, "grant.role"),
        (Grant { expire_time: Some(past), ..on_platform() }, invalid, "grant.expire_time"),
    ] {
        let fault = refused(fixture.create_grant("admin", grant.clone()).await);

        assert_eq!((fault.reason(), fields(&fault)), (want, vec![field]), "{grant:?}");
    }
}

/// The fault of a grant on `vision` by its admin alice to a group.
async fn refused_grant_to(fixture: &Fixture, kind: SubjectKind, group: &str) -> Fault {
    let vision = object(ObjectKind::Group, "vision");
    let grant = grant(vision, Role::Reader, subject(kind, group));

    refused(fixture.create_grant("alice", grant).await)
}

async fn grant_to_invisible_group_is_refused_like_absent_group(fixture: Fixture) {
    let vision = object(ObjectKind::Group, &fixture.create_group("vision", &["!alice"]).await);
    let hidden = fixture.create_group("hidden", &[]).await;
    let absent = Uuid::now_v7().to_string();

    for kind in [SubjectKind::Group, SubjectKind::GroupAdmins] {
        for (hidden, absent) in [("hidden", "absent"), (hidden.as_str(), absent.as_str())] {
            let of_hidden = refused_grant_to(&fixture, kind, hidden).await;
            let of_absent = refused_grant_to(&fixture, kind, absent).await;

            assert_eq!(fields(&of_hidden), ["grant.subject.id"]);
            assert_same_fault((&of_hidden, hidden), (&of_absent, absent), Reason::GroupNotFound);
        }
    }
    assert_eq!(fixture.grants_of(vision.clone()).await.len(), 2, "no grant was created");

    let alice = fixture.user("alice").await.id;
    let on_hidden = grant(object(ObjectKind::Group, &hidden), Role::Reader, user_subject(&alice));
    fixture.create_grant("admin", on_hidden).await.unwrap();
    let to_hidden = grant(vision, Role::Reader, subject(SubjectKind::Group, "hidden"));
    fixture.create_grant("alice", to_hidden).await.unwrap();
}

async fn delete_of_unmanaged_grant_is_refused_like_absent_grant(fixture: Fixture) {
    let vision = fixture.create_group("vision", &["!alice", "bob"]).await;
    let carol = fixture.user("carol").await.id;
    let writer = grant(object(ObjectKind::Group, &vision), Role::Writer, user_subject(&carol));
    let created = fixture.create_grant("alice", writer).await.unwrap();
    let absent = Uuid::now_v7().to_string();

    for caller in ["mallory", "bob", "carol"] {
        let of_created = refused(fixture.delete_grant(caller, &created.id).await);
        let of_absent = refused(fixture.delete_grant(caller, &absent).await);

        assert_same_fault((&of_created, &created.id), (&of_absent, &absent), Reason::GrantNotFound);
    }

    fixture.delete_grant("alice", &created.id).await.unwrap();
    assert_eq!(
        reason(fixture.delete_grant("alice", &created.id).await),
        Reason::GrantNotFound,
        "a grant is deleted once"
    );
}

async fn expired_grant_gives_no_role(fixture: Fixture) {
    let image = register_image(&fixture).await;
    let alice = fixture.user("alice").await.id;
    let expire = fixture.in_one_hour().await;
    let manager = Grant {
        expire_time: Some(expire.into()),
        ..grant(image.clone(), Role::Manager, user_subject(&alice))
    };

    let first = fixture.create_grant("admin", manager.clone()).await.unwrap();
    assert_eq!(first.expire_time, Some(expire.into()), "the expiry is returned unchanged");
    assert!(fixture.has_role("alice", Role::Manager, image.clone()).await);

    fixture.execute("update grants set expire_time = 1 where expire_time is not null").await;
    assert!(!fixture.has_role("alice", Role::Manager, image.clone()).await);
    assert!(
        fixture.has_role("alice", Role::Reader, image.clone()).await,
        "the grant to everyone is not expired"
    );

    let second = fixture.create_grant("admin", manager).await.unwrap();
    assert_ne!(second.id, first.id, "an expired grant is not returned instead of a new one");
    assert!(fixture.has_role("alice", Role::Manager, image).await);
}

async fn list(
    fixture: &Fixture,
    caller: &str,
    page_token: &str,
    object: &ObjectReference,
) -> Result<ListGrantsResponse, Status> {
    let request = ListGrantsRequest {
        object: Some(object.clone()),
        page_size: 3,
        page_token: page_token.to_owned(),
    };
    let request = fixture.call(caller, request).await;

    fixture.grant_service().list_grants(request).await.map(tonic::Response::into_inner)
}

async fn list_grants_returns_pages(fixture: Fixture) {
    let image = register_image(&fixture).await;
    let alice = fixture.user("alice").await.id;
    for (role, subject) in [
        (Role::Reader, everyone()),
        (Role::Writer, everyone()),
        (Role::Manager, user_subject(&alice)),
    ] {
        fixture.create_grant("admin", grant(image.clone(), role, subject)).await.unwrap();
    }

    let first = list(&fixture, "admin", "", &image).await.unwrap();
    let second = list(&fixture, "admin", &first.next_page_token, &image).await.unwrap();
    assert_eq!((first.grants.len(), second.grants.len()), (3, 1));
    assert_eq!(second.next_page_token, "");
    assert_eq!([first.grants, second.grants].concat(), fixture.grants_of(image.clone()).await);

    let token = first.next_page_token.as_str();
    let of_platform = list(&fixture, "admin", token, &platform()).await;
    assert_eq!(reason(of_platform), Reason::PageTokenInvalid);
    let of_mallory = list(&fixture, "mallory", token, &image).await;
    assert_eq!(reason(of_mallory), Reason::PageTokenInvalid);

    assert_eq!(reason(list(&fixture, "mallory", "", &image).await), Reason::RoleMissing);
    let with_id = list(&fixture, "admin", "", &object(ObjectKind::Platform, "x")).await;
    assert_eq!(fields(&refused(with_id)), ["object.id"]);
}

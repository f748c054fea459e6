//! Grants that people give: to whom, on what, until when, and which of them can be taken away.

use slipway_fault::{Fault, Reason};
use slipway_wire::permission::v1::{
    CreateGrantRequest, DeleteGrantRequest, Grant, GrantTemplate, ListGrantsRequest, ObjectKind,
    ObjectReference, RegisterObjectRequest, Role, Subject, SubjectKind,
};
use tonic::{Response, Status};
use uuid::Uuid;

use crate::worlds::{World, fields, grant, object, reason, refused, subject};

slipway_testrig::on_both_databases!(
    registered_grants_stay,
    the_same_again_is_one_grant,
    a_grant_by_request_id,
    bad_grants_name_their_field,
    a_group_that_the_giver_does_not_see_is_none,
    a_grant_that_the_caller_does_not_manage_is_none,
    an_expired_grant_gives_nothing,
    grants_come_in_pages,
);

fn everyone() -> Subject {
    subject(SubjectKind::Everyone, "")
}

async fn delete(world: &World, caller: &str, id: &str) -> Result<(), Fault> {
    let request = DeleteGrantRequest { grant_id: id.to_owned() };
    world
        .grants()
        .delete_grant(world.call(caller, request).await)
        .await
        .map(|_| ())
        .map_err(Fault::from)
}

/// An image of the system that everyone may read.
async fn image(world: &World) -> ObjectReference {
    let id = Uuid::now_v7().to_string();
    let request = RegisterObjectRequest {
        object_id: id.clone(),
        kind: ObjectKind::Image.into(),
        owner_group_id: String::new(),
        grants: vec![GrantTemplate { subject: Some(everyone()), role: Role::Reader.into() }],
    };
    world.objects().register_object(world.service_call(request).await).await.unwrap();
    object(ObjectKind::Image, &id)
}

async fn registered_grants_stay(world: World) {
    let image = image(&world).await;
    let vision = world.group("vision", &["!alice"]).await;
    for (on, caller, call) in [
        (image.clone(), "admin", "SetImageAccess"),
        (object(ObjectKind::Group, &vision), "alice", "AddMember or RemoveMember"),
    ] {
        for registered in world.grants_on(on.clone()).await {
            let fault = delete(&world, caller, &registered.id).await.unwrap_err();
            assert_eq!(fault.reason(), Reason::GrantRegistered);
            assert!(fault.message().contains(call), "{fault}");
        }
    }
    let given = world.give("admin", grant(image.clone(), Role::Reader, everyone())).await.unwrap();
    let all = world.grants_on(image.clone()).await;
    assert_eq!(all.len(), 2, "people's own grant stands beside the registered one");
    delete(&world, "admin", &given.id).await.unwrap();
    assert!(world.may("mallory", Role::Reader, image.clone()).await);
    assert_eq!(world.grants_on(image).await.len(), 1);
}

async fn the_same_again_is_one_grant(world: World) {
    let image = image(&world).await;
    let alice = world.user("alice").await.id;
    let reader = || grant(image.clone(), Role::Reader, subject(SubjectKind::User, &alice));
    let first = world.give("admin", reader()).await.unwrap();
    assert_eq!(world.give("admin", reader()).await.unwrap(), first);
    let writer =
        world.give("admin", Grant { role: Role::Writer.into(), ..reader() }).await.unwrap();
    assert_ne!(writer.id, first.id);
    assert_eq!(world.grants_on(image.clone()).await.len(), 3);
}

async fn a_grant_by_request_id(world: World) {
    let image = image(&world).await;
    let request = CreateGrantRequest {
        grant: Some(grant(image.clone(), Role::Writer, everyone())),
        request_id: Uuid::now_v7().to_string(),
    };
    let create = async |request: &CreateGrantRequest| {
        world.grants().create_grant(world.call("admin", request.clone()).await).await
    };
    let first = create(&request).await.unwrap().into_inner();
    assert_eq!(create(&request).await.unwrap().into_inner(), first);
    let other = CreateGrantRequest {
        grant: Some(grant(image.clone(), Role::Manager, everyone())),
        ..request.clone()
    };
    assert_eq!(reason(create(&other).await), Reason::RequestIdReused);
    delete(&world, "admin", &first.grant.unwrap().id).await.unwrap();
    assert_eq!(
        reason(create(&request).await),
        Reason::GrantNotFound,
        "what was taken away does not come back by repetition"
    );
    assert_eq!(world.grants_on(image).await.len(), 1);
}

async fn bad_grants_name_their_field(world: World) {
    let image = image(&world).await;
    let check = async |given: Grant, want: Reason, field: &str| {
        let request = CreateGrantRequest { grant: Some(given.clone()), request_id: String::new() };
        let fault = refused(world.grants().create_grant(world.call("admin", request).await).await);
        assert_eq!((fault.reason(), fields(&fault)), (want, vec![field]), "{given:?}");
    };
    let bad = Reason::FieldInvalid;
    let absent = Uuid::now_v7().to_string();
    let to = |kind, id: &str| grant(image.clone(), Role::Reader, subject(kind, id));
    let on = |kind, id: &str| grant(object(kind, id), Role::Reader, everyone());
    check(to(SubjectKind::Everyone, "everyone"), bad, "grant.subject.id").await;
    check(to(SubjectKind::User, ""), bad, "grant.subject.id").await;
    check(to(SubjectKind::User, "alice"), bad, "grant.subject.id").await;
    check(to(SubjectKind::User, &absent), Reason::UserNotFound, "grant.subject.id").await;
    check(to(SubjectKind::Group, "absent"), Reason::GroupNotFound, "grant.subject.id").await;
    check(to(SubjectKind::GroupAdmins, &absent), Reason::GroupNotFound, "grant.subject.id").await;
    check(to(SubjectKind::Unspecified, ""), bad, "grant.subject.kind").await;
    check(on(ObjectKind::Platform, "platform"), bad, "grant.object.id").await;
    check(on(ObjectKind::Image, "python"), bad, "grant.object.id").await;
    check(on(ObjectKind::Unspecified, ""), bad, "grant.object.kind").await;
    check(Grant { subject: None, ..on(ObjectKind::Platform, "") }, bad, "grant.subject").await;
    check(Grant { object: None, ..on(ObjectKind::Platform, "") }, bad, "grant.object").await;
    check(Grant { role: 0, ..on(ObjectKind::Platform, "") }, bad, "grant.role").await;
    let past = slipway_database::from_micros(1).into();
    check(
        Grant { expire_time: Some(past), ..on(ObjectKind::Platform, "") },
        bad,
        "grant.expire_time",
    )
    .await;
}

async fn a_group_that_the_giver_does_not_see_is_none(world: World) {
    let vision = world.group("vision", &["!alice"]).await;
    let hidden = world.group("hidden", &[]).await;
    let give = async |kind, id: &str| -> Result<Response<Grant>, Status> {
        world
            .give(
                "alice",
                grant(object(ObjectKind::Group, &vision), Role::Reader, subject(kind, id)),
            )
            .await
            .map(Response::new)
    };
    for kind in [SubjectKind::Group, SubjectKind::GroupAdmins] {
        for (forbidden, absent) in [
            ("hidden".to_owned(), "absent".to_owned()),
            (hidden.clone(), Uuid::now_v7().to_string()),
        ] {
            let (no, none) =
                (refused(give(kind, &forbidden).await), refused(give(kind, &absent).await));
            assert_eq!(no.reason(), Reason::GroupNotFound);
            assert_eq!(
                (no.reason(), no.message().replace(&forbidden, "it")),
                (none.reason(), none.message().replace(&absent, "it"))
            );
            assert_eq!(
                (fields(&no), fields(&none)),
                (vec!["grant.subject.id"], vec!["grant.subject.id"])
            );
        }
    }
    assert_eq!(
        world.grants_on(object(ObjectKind::Group, &vision)).await.len(),
        2,
        "nothing was given"
    );

    let alice = world.user("alice").await.id;
    world
        .give(
            "admin",
            grant(
                object(ObjectKind::Group, &hidden),
                Role::Reader,
                subject(SubjectKind::User, &alice),
            ),
        )
        .await
        .unwrap();
    give(SubjectKind::Group, "hidden").await.unwrap();
}

async fn a_grant_that_the_caller_does_not_manage_is_none(world: World) {
    let vision = world.group("vision", &["!alice", "bob"]).await;
    let carol = world.user("carol").await.id;
    let given = world
        .give(
            "alice",
            grant(
                object(ObjectKind::Group, &vision),
                Role::Writer,
                subject(SubjectKind::User, &carol),
            ),
        )
        .await
        .unwrap();
    let absent = Uuid::now_v7().to_string();
    for caller in ["mallory", "bob", "carol"] {
        let (no, none) = (
            delete(&world, caller, &given.id).await.unwrap_err(),
            delete(&world, caller, &absent).await.unwrap_err(),
        );
        assert_eq!(no.reason(), Reason::GrantNotFound, "{caller}");
        assert_eq!(
            (no.reason(), no.message().replace(&given.id, "it")),
            (none.reason(), none.message().replace(&absent, "it"))
        );
    }
    delete(&world, "alice", &given.id).await.unwrap();
    assert_eq!(
        delete(&world, "alice", &given.id).await.unwrap_err().reason(),
        Reason::GrantNotFound
    );
}

async fn an_expired_grant_gives_nothing(world: World) {
    let image = image(&world).await;
    let alice = world.user("alice").await.id;
    let in_an_hour =
        slipway_database::from_micros(chrono::Utc::now().timestamp_micros() + 3_600_000_000);
    let manager = || Grant {
        expire_time: Some(in_an_hour.into()),
        ..grant(image.clone(), Role::Manager, subject(SubjectKind::User, &alice))
    };
    let first = world.give("admin", manager()).await.unwrap();
    assert_eq!(first.expire_time, Some(in_an_hour.into()), "the end comes back as it was given");
    assert!(world.may("alice", Role::Manager, image.clone()).await);
    world.execute("update role_grant set expire = 1 where expire is not null").await;
    assert!(!world.may("alice", Role::Manager, image.clone()).await);
    assert!(world.may("alice", Role::Reader, image.clone()).await, "what everyone has stays");
    assert_ne!(
        world.give("admin", manager()).await.unwrap().id,
        first.id,
        "an expired one is not the same"
    );
    assert!(world.may("alice", Role::Manager, image.clone()).await);
}

async fn grants_come_in_pages(world: World) {
    let image = image(&world).await;
    for role in [Role::Reader, Role::Writer] {
        world.give("admin", grant(image.clone(), role, everyone())).await.unwrap();
    }
    let alice = world.user("alice").await.id;
    world
        .give("admin", grant(image.clone(), Role::Manager, subject(SubjectKind::User, &alice)))
        .await
        .unwrap();
    let list = async |caller: &str, page_token: &str, on: &ObjectReference| {
        let request = ListGrantsRequest {
            object: Some(on.clone()),
            page_size: 3,
            page_token: page_token.to_owned(),
        };
        world.grants().list_grants(world.call(caller, request).await).await
    };
    let first = list("admin", "", &image).await.unwrap().into_inner();
    let second = list("admin", &first.next_page_token, &image).await.unwrap().into_inner();
    assert_eq!(
        (first.grants.len(), second.grants.len(), second.next_page_token.as_str()),
        (3, 1, "")
    );
    assert_eq!([first.grants, second.grants].concat(), world.grants_on(image.clone()).await);
    let token = first.next_page_token.as_str();
    assert_eq!(
        reason(list("admin", token, &object(ObjectKind::Platform, "")).await),
        Reason::PageTokenInvalid
    );
    assert_eq!(reason(list("mallory", token, &image).await), Reason::PageTokenInvalid);
    assert_eq!(reason(list("mallory", "", &image).await), Reason::RoleMissing);
    assert_eq!(
        fields(&refused(list("admin", "", &object(ObjectKind::Platform, "x")).await)),
        ["object.id"]
    );
}

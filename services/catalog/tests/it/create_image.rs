//! The use case of creating an image: repeated calls, refusals, and groups that the caller does not
//! see.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use slipway_catalog::{
    app::create::CreateImage,
    domain::{
        access::{AccessGroup, RequestedAccess},
        image::ImageState,
        image_type::ImageType,
        source::Source,
        spec::Spec,
    },
};
use slipway_fault::Reason;
use slipway_names::{id::GroupId, revision::RevisionNumber};

use crate::{
    fake_permission::{
        Answer::{Accept, Fail, Refuse},
        FakePermission, REGISTRATION_VERSION, app, caller, group_id,
    },
    fixtures::{Fixture, key, policy_version},
};

slipway_testrig::on_both_databases!(
    repeat_of_an_interrupted_call_continues_it,
    interrupted_call_without_a_request_id_advises_to_look_for_the_image,
    concurrent_repeats_create_one_image,
    given_name_that_is_taken_is_refused,
    refused_registration_leaves_nothing,
    full_queue_leaves_nothing,
    group_that_the_caller_does_not_see_is_refused_by_index,
    group_that_is_named_twice_is_stored_once
);

/// An existing image, created without asking its registry.
fn request(name: &str) -> CreateImage {
    CreateImage {
        owner: "system".to_owned(),
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: String::new(),
        image_type: ImageType::Cpu,
        access: RequestedAccess::default(),
        source: Source::Existing {
            reference: "registry.test/a/b:1".to_owned(),
            gpu_reference: String::new(),
            skip_verification: true,
        },
    }
}

fn custom(name: &str) -> CreateImage {
    let spec = Spec {
        base_reference: "registry.test/base:1".to_owned(),
        apt: vec!["jq".to_owned()],
        ..Spec::default()
    };
    CreateImage { source: Source::Custom { spec, gpu_base: String::new() }, ..request(name) }
}

fn shared_with(groups: &[&str]) -> CreateImage {
    let groups = groups.iter().map(ToString::to_string).collect();
    CreateImage {
        access: RequestedAccess { groups, ..RequestedAccess::default() },
        ..request("shared")
    }
}

async fn repeat_of_an_interrupted_call_continues_it(fixture: Fixture) {
    let alice = caller("alice").await;
    let faults = [Reason::PermissionUnavailable, Reason::DeadlineExceeded];
    let registrations = Arc::new(AtomicUsize::new(0));
    let counter = registrations.clone();
    let permission =
        FakePermission::new(move |_| match faults.get(counter.fetch_add(1, Ordering::SeqCst)) {
            Some(reason) => Fail(*reason),
            None => Accept,
        });
    let app = app(&fixture, &permission);
    let key = key("body");

    for want in faults {
        let fault = app.create_image(&alice, request("cut"), Some(key.clone())).await.unwrap_err();
        assert_eq!(fault.reason(), want);
        let message = fault.message();
        assert!(message.contains("completed or rolled back within a few minutes"), "{message}");
        assert!(message.contains("same request_id"), "{message}");
        assert!(!message.contains("nothing was changed"), "{message}");
        assert_eq!(fixture.rows("select state as row from images").await, ["creating"]);
    }

    let (created, revision) =
        app.create_image(&alice, request("cut"), Some(key.clone())).await.unwrap();
    assert_eq!(
        (created.state, created.access_version, revision.number),
        (ImageState::Ready, policy_version(REGISTRATION_VERSION), RevisionNumber::FIRST)
    );
    let (again, _) = app.create_image(&alice, request("cut"), Some(key)).await.unwrap();
    assert_eq!(again, created);
    assert_eq!(registrations.load(Ordering::SeqCst), 3, "a finished image is not registered again");
    let events =
        ["catalog.image.created 1", "catalog.revision.ready 2", "catalog.revision.activated 3"];
    assert_eq!(fixture.events(created.id).await, events);
}

async fn interrupted_call_without_a_request_id_advises_to_look_for_the_image(fixture: Fixture) {
    let alice = caller("alice").await;
    let permission = FakePermission::new(|_| Fail(Reason::PermissionUnavailable));

    let created = app(&fixture, &permission).create_image(&alice, request("other"), None).await;

    let fault = created.unwrap_err();
    assert!(fault.message().contains("look for it"), "{fault}");
    assert!(!fault.message().contains("request_id"), "{fault}");
}

async fn concurrent_repeats_create_one_image(fixture: Fixture) {
    let alice = caller("alice").await;
    let app = app(&fixture, &FakePermission::new(|_| Accept));
    let key = key("body");

    let call = || app.create_image(&alice, request("once"), Some(key.clone()));
    let (one, two, three) = tokio::join!(call(), call(), call());

    let ids = [one, two, three].map(|outcome| outcome.unwrap().0.id);
    assert_eq!(ids, [ids[0]; 3]);
    assert_eq!(fixture.count("images").await, 1);
    assert_eq!(fixture.events(ids[0]).await.len(), 3);
}

async fn given_name_that_is_taken_is_refused(fixture: Fixture) {
    let alice = caller("alice").await;
    let app = app(&fixture, &FakePermission::new(|_| Accept));
    app.create_image(&alice, request("same"), None).await.unwrap();

    let fault = app.create_image(&alice, request("same"), Some(key("body"))).await.unwrap_err();

    assert_eq!((fault.reason(), fault.violations()[0].field.as_str()), (Reason::NameTaken, "name"));
    assert_eq!(fixture.count("images").await, 1);
}

async fn refused_registration_leaves_nothing(fixture: Fixture) {
    let alice = caller("alice").await;
    let permission = FakePermission::new(|_| Refuse(Reason::UserNotFound));

    let created = app(&fixture, &permission)
        .create_image(&alice, request("refused"), Some(key("body")))
        .await;

    assert_eq!(created.unwrap_err().reason(), Reason::UserNotFound);
    for table in ["images", "revisions", "idempotency", "outbox"] {
        assert_eq!(fixture.count(table).await, 0, "{table}");
    }
    let removed = permission.removed.lock().await;
    assert_eq!(removed.len(), 1, "an earlier call may have registered the object");
}

async fn full_queue_leaves_nothing(fixture: Fixture) {
    let alice = caller("alice").await;
    let app = app(&fixture, &FakePermission::new(|_| Accept));
    app.create_image(&alice, custom("first"), None).await.unwrap();
    let key = key("body");

    let fault = app.create_image(&alice, custom("second"), Some(key.clone())).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::QueueFull);
    assert_eq!(fault.violations()[0].field, "owner:system");
    assert_eq!(fixture.rows("select name as row from images").await, ["first"]);

    fixture.execute("update revisions set build_state = 'preparing'").await;
    app.create_image(&alice, custom("second"), Some(key)).await.unwrap();
}

async fn group_that_the_caller_does_not_see_is_refused_by_index(fixture: Fixture) {
    let alice = caller("alice").await;
    let app = app(&fixture, &FakePermission::new(|_| Accept));

    let cases: [(&[&str], &str); 3] = [
        (&["hidden"], "access.groups[0]"),
        (&["vision", "hidden"], "access.groups[1]"),
        (&["vision", "vision", "hidden-2"], "access.groups[2]"),
    ];
    for (groups, field) in cases {
        let fault = app.create_image(&alice, shared_with(groups), None).await.unwrap_err();
        assert_eq!(
            (fault.reason(), fault.violations()[0].field.as_str()),
            (Reason::GroupNotFound, field)
        );
        assert_eq!(fixture.count("images").await, 0);
    }
}

async fn group_that_is_named_twice_is_stored_once(fixture: Fixture) {
    let alice = caller("alice").await;
    let app = app(&fixture, &FakePermission::new(|_| Accept));
    let vision_id = group_id("vision").to_string();

    let request = shared_with(&["vision", &vision_id, "audio", "vision"]);
    let (created, _) = app.create_image(&alice, request, None).await.unwrap();

    let want = ["vision", "audio"]
        .map(|name| AccessGroup { id: GroupId(group_id(name)), name: name.to_owned() });
    assert_eq!(created.access.groups, want);
}

//! Creating through the use case: repeats, silence, refusals, and groups that the caller does not see.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use slipway_catalog::{
    app::{CreateImage, Source, WantedAccess},
    domain::{
        access::ReadingGroup,
        image::{ImageState, ImageType},
        spec::Spec,
    },
};
use slipway_fault::Reason;
use slipway_names::id::GroupId;

use crate::{
    scripted::{Scripted, app, caller, group},
    worlds::{World, key},
};

slipway_testrig::on_both_databases!(
    a_repeat_goes_on_where_the_call_was_cut_off,
    repeats_at_once_are_one_image,
    a_refusal_leaves_nothing,
    a_full_queue_leaves_nothing,
    groups_must_be_seen
);

/// An existing image whose registry is not asked.
fn request(name: &str) -> CreateImage {
    CreateImage {
        owner: "system".to_owned(),
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: String::new(),
        kind: ImageType::Cpu,
        access: WantedAccess::default(),
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

async fn a_repeat_goes_on_where_the_call_was_cut_off(world: World) {
    let alice = caller(world.folder.path(), "alice").await;
    let answers = Arc::new(AtomicUsize::new(0));
    let asked = answers.clone();
    let permission = Scripted::new(move |_| {
        [Reason::PermissionUnavailable, Reason::DeadlineExceeded]
            .get(asked.fetch_add(1, Ordering::SeqCst))
            .copied()
    });
    let app = app(&world, &permission);
    let key = key("body");
    for want in [Reason::PermissionUnavailable, Reason::DeadlineExceeded] {
        let fault = app.create_image(&alice, request("cut"), Some(key.clone())).await.unwrap_err();
        assert_eq!(fault.reason(), want);
        let message = fault.message();
        assert!(
            message.contains("finished or aborted within minutes")
                && message.contains("same request_id"),
            "{message}"
        );
        assert!(!message.contains("nothing was changed"), "{message}");
        assert_eq!(world.rows("select state as row from image").await, ["creating"]);
    }
    let (made, revision) =
        app.create_image(&alice, request("cut"), Some(key.clone())).await.unwrap();
    assert_eq!((made.state, made.access_revision, revision.number), (ImageState::Ready, 7, 1));
    let (again, _) = app.create_image(&alice, request("cut"), Some(key)).await.unwrap();
    assert_eq!(again, made);
    assert_eq!(answers.load(Ordering::SeqCst), 3, "what is there is not registered again");
    let want =
        ["catalog.image.created 1", "catalog.revision.ready 2", "catalog.revision.activated 3"];
    assert_eq!(world.events(made.id).await, want);

    let permission = Scripted::new(|_| Some(Reason::PermissionUnavailable));
    let fault = crate::scripted::app(&world, &permission)
        .create_image(&alice, request("other"), None)
        .await
        .unwrap_err();
    assert!(
        fault.message().contains("look for it") && !fault.message().contains("request_id"),
        "{fault}"
    );
}

async fn repeats_at_once_are_one_image(world: World) {
    let alice = caller(world.folder.path(), "alice").await;
    let app = app(&world, &Scripted::new(|_| None));
    let key = key("body");
    let call = || app.create_image(&alice, request("once"), Some(key.clone()));
    let (one, two, three) = tokio::join!(call(), call(), call());
    let ids = [one, two, three].map(|outcome| outcome.unwrap().0.id);
    assert_eq!(ids, [ids[0]; 3]);
    assert_eq!(world.count("image").await, 1);
    assert_eq!(world.events(ids[0]).await.len(), 3);
}

async fn a_refusal_leaves_nothing(world: World) {
    let alice = caller(world.folder.path(), "alice").await;
    let permission = Scripted::new(|_| Some(Reason::UserNotFound));
    let fault = app(&world, &permission)
        .create_image(&alice, request("refused"), Some(key("body")))
        .await
        .unwrap_err();
    assert_eq!(fault.reason(), Reason::UserNotFound);
    for table in ["image", "revision", "idempotency", "outbox"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(permission.removed.lock().await.len(), 1, "an earlier call may have registered it");
}

async fn a_full_queue_leaves_nothing(world: World) {
    let alice = caller(world.folder.path(), "alice").await;
    let app = app(&world, &Scripted::new(|_| None));
    app.create_image(&alice, custom("first"), None).await.unwrap();
    let key = key("body");
    let fault = app.create_image(&alice, custom("second"), Some(key.clone())).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::QueueFull);
    assert_eq!(world.rows("select name as row from image").await, ["first"]);
    world.execute("update revision set build_state = 'preparing'").await;
    app.create_image(&alice, custom("second"), Some(key)).await.unwrap();
}

async fn groups_must_be_seen(world: World) {
    let alice = caller(world.folder.path(), "alice").await;
    let app = app(&world, &Scripted::new(|_| None));
    let naming = |groups: &[&str]| CreateImage {
        access: WantedAccess {
            groups: groups.iter().map(ToString::to_string).collect(),
            ..WantedAccess::default()
        },
        ..request("shared")
    };
    let cases: [(&[&str], &str); 3] = [
        (&["hidden"], "access.groups[0]"),
        (&["vision", "hidden"], "access.groups[1]"),
        (&["vision", "vision", "hidden-2"], "access.groups[2]"),
    ];
    for (groups, field) in cases {
        let fault = app.create_image(&alice, naming(groups), None).await.unwrap_err();
        assert_eq!(
            (fault.reason(), fault.violations()[0].field.as_str()),
            (Reason::GroupNotFound, field)
        );
        assert_eq!(world.count("image").await, 0);
    }
    let id = group("vision").to_string();
    let (made, _) =
        app.create_image(&alice, naming(&["vision", &id, "audio", "vision"]), None).await.unwrap();
    let want = ["vision", "audio"]
        .map(|name| ReadingGroup { id: GroupId(group(name)), name: name.to_owned() });
    assert_eq!(made.access.groups, want, "each group once, by whatever name");
}

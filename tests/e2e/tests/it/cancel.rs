//! A cancelled build ends as CANCELLED wherever it is, publishes nothing and leaves no process.

use std::time::Duration;

use slipway_wire::{
    builder::v1::{BuildState, CancelBuildRequest},
    catalog::v1::{
        CreateRevisionRequest, CustomSource, GetImageRequest, ImageState, RetryRevisionRequest,
    },
};

use crate::world::{World, ended, reason, standalone};

async fn cancel(world: &World, id: &str) {
    world
        .builds()
        .cancel_build(world.call("admin", CancelBuildRequest { build_id: id.to_owned() }))
        .await
        .unwrap();
}

async fn cancelled(world: &World, name: &str, id: &str) {
    let build = world.wait_for_build(id, Duration::from_secs(10), ended).await;
    assert_eq!(build.state(), BuildState::Cancelled);
    world.no_build_processes(Duration::from_secs(5)).await;
    let began = std::time::Instant::now();
    loop {
        let request = GetImageRequest { image: name.to_owned(), consistency_token: String::new() };
        let image = world
            .images()
            .get_image(world.call("admin", request))
            .await
            .unwrap()
            .into_inner()
            .image
            .unwrap();
        if image.state() == ImageState::Cancelled {
            assert_eq!(image.active_revision, 0);
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{image:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kinds = world
        .rows(
            "builder",
            &format!("select kind as row from outbox where subject = '{id}' order by sequence"),
        )
        .await;
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "builder.build.cancelled").count(),
        1,
        "{kinds:?}"
    );
    assert_eq!(kinds.last().map(String::as_str), Some("builder.build.cancelled"));
}

#[tokio::test]
async fn cancel_wherever_it_is() {
    let Some(world) = standalone().await else { return };
    // The first pull of the base takes seconds: time to cancel in it.
    let preparing = world.create(world.custom("system", "preparing", &["jq"])).await.image.unwrap();
    let preparing_id = preparing.latest_build.clone().unwrap().build_id;
    world
        .wait_for_build(&preparing_id, Duration::from_secs(30), |build| {
            build.state() == BuildState::Preparing
        })
        .await;
    cancel(&world, &preparing_id).await;
    cancelled(&world, "system/preparing", &preparing_id).await;

    // One slot: while the first is inside apt, the second waits.
    let building = world.create(world.puppet("system", "building", "silence")).await.image.unwrap();
    let building_id = building.latest_build.clone().unwrap().build_id;
    let waiting = world.create(world.custom("system", "waiting", &["jq"])).await.image.unwrap();
    let waiting_id = waiting.latest_build.clone().unwrap().build_id;

    world
        .wait_for_build(&building_id, Duration::from_secs(60), |build| {
            build.state() == BuildState::Building && build.step == "apt"
        })
        .await;
    let queued = world
        .wait_for_build(&waiting_id, Duration::from_secs(5), |build| {
            build.state() == BuildState::Queued
        })
        .await;
    assert_eq!(queued.attempt, 0);
    cancel(&world, &waiting_id).await;
    while !world.build_processes().iter().any(|command| command.contains("silence")) {
        assert!(
            !ended(&world.wait_for_build(&building_id, Duration::from_secs(5), |_| true).await),
            "it was to go on for ever"
        );
    }
    cancel(&world, &building_id).await;
    cancelled(&world, "system/building", &building_id).await;
    cancelled(&world, "system/waiting", &waiting_id).await;
    for image in [&preparing, &building, &waiting] {
        assert_eq!(world.tags(image), Vec::<String>::new(), "nothing is published");
    }

    let status = world
        .builds()
        .cancel_build(world.call("mallory", CancelBuildRequest { build_id: building_id.clone() }))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "BUILD_NOT_FOUND");

    // The same again, after a cancel, really builds.
    let request = RetryRevisionRequest {
        request_id: String::new(),
        image: "system/waiting".to_owned(),
        revision: 0,
        consistency_token: String::new(),
    };
    let retried = world
        .images()
        .retry_revision(world.call("admin", request))
        .await
        .unwrap()
        .into_inner()
        .revision
        .unwrap();
    assert_eq!(retried.number, 2);
    let build = world.wait_for_build(&retried.build_id, Duration::from_secs(120), ended).await;
    assert_eq!(build.state(), BuildState::Succeeded, "{build:?}");
    assert_eq!(world.tags(&waiting), ["r2-1"], "the name of what is pushed: revision and attempt");
    let status = world
        .builds()
        .cancel_build(world.call("admin", CancelBuildRequest { build_id: retried.build_id }))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "BUILD_PAST_CANCEL");

    // A rebuild that fails leaves the active revision alone, and says why.
    let spec = slipway_wire::builder::v1::BuildSpec {
        base_reference: world.base.clone(),
        apt: vec!["no-such-package".to_owned()],
        ..Default::default()
    };
    let source = slipway_wire::catalog::v1::create_revision_request::Source::Custom(CustomSource {
        spec: Some(spec),
        pull_secret: String::new(),
    });
    let request = CreateRevisionRequest {
        request_id: String::new(),
        image: "system/waiting".to_owned(),
        source: Some(source),
        consistency_token: String::new(),
    };
    let failing = world
        .images()
        .create_revision(world.call("admin", request))
        .await
        .unwrap()
        .into_inner()
        .revision
        .unwrap();
    let build = world.wait_for_build(&failing.build_id, Duration::from_secs(120), ended).await;
    let failure = build.failure.unwrap();
    assert_eq!(
        (failure.reason.as_str(), failure.step.as_str()),
        ("APT_FAILED", "apt"),
        "{failure:?}"
    );
    assert!(failure.message.contains("no-such-package"), "{failure:?}");
    assert_eq!(build.attempt, 1, "the user's fault is not tried again");
    let request =
        GetImageRequest { image: "system/waiting".to_owned(), consistency_token: String::new() };
    let image = world
        .images()
        .get_image(world.call("admin", request))
        .await
        .unwrap()
        .into_inner()
        .image
        .unwrap();
    assert_eq!((image.state(), image.active_revision), (ImageState::Ready, 2));
}

//! Cancelled builds: they end CANCELLED in every state before the push, publish nothing and leave
//! no process.

use std::time::Duration;

use slipway_testrig::call::reason;
use slipway_wire::{
    builder::v1::{Build, BuildState, FailureReason},
    catalog::v1::{
        CreateImageRequest, CreateRevisionRequest, Image, ImageState, RetryRevisionRequest,
        Revision, create_revision_request::Source,
    },
};

use crate::fixture::{
    BUILD_TIMEOUT, Fixture, build_id, build_spec, custom_source, has_ended, standalone, wait_until,
};

/// Creates an image. Returns it and the id of its build.
async fn create(fixture: &Fixture, request: CreateImageRequest) -> (Image, String) {
    let image = fixture.create(request).await.image.unwrap();
    let build = build_id(&image);

    (image, build)
}

async fn wait_for_state(fixture: &Fixture, build: &str, state: BuildState) -> Build {
    let is_wanted = |build: &Build| build.state() == state;
    fixture.wait_for_build(build, Duration::from_secs(30), is_wanted).await
}

/// Checks that a cancelled build and the first build of its image end CANCELLED, with one event.
async fn check_cancelled(fixture: &Fixture, image: &str, build_id: &str) {
    let build = fixture.wait_for_build(build_id, Duration::from_secs(10), has_ended).await;
    assert_eq!(build.state(), BuildState::Cancelled);
    fixture.wait_for_no_build_processes(Duration::from_secs(5)).await;

    let image = wait_until(Duration::from_secs(5), async || {
        let image = fixture.get_image("admin", image, "").await.unwrap();
        if image.state() == ImageState::Cancelled { Ok(image) } else { Err(format!("{image:?}")) }
    })
    .await;
    assert_eq!(image.active_revision, 0);

    let events = format!(
        "select event_type as row from outbox where subject = '{build_id}' order by sequence"
    );
    let event_types = fixture.rows("builder", &events).await;
    let cancelled =
        event_types.iter().filter(|event_type| *event_type == "builder.build.cancelled").count();
    assert_eq!(cancelled, 1, "{event_types:?}");
    assert_eq!(event_types.last().map(String::as_str), Some("builder.build.cancelled"));
}

async fn retry(fixture: &Fixture, image: &str) -> Revision {
    let request = RetryRevisionRequest { image: image.to_owned(), ..Default::default() };
    let request = fixture.request("admin", request);

    fixture.images().retry_revision(request).await.unwrap().into_inner().revision.unwrap()
}

/// Creates a revision with one package. Returns it.
async fn rebuild(fixture: &Fixture, image: &str, package: &str) -> Revision {
    let source = custom_source(build_spec(&fixture.base, &[package]));
    let request = CreateRevisionRequest {
        image: image.to_owned(),
        source: Some(Source::Custom(source)),
        ..Default::default()
    };

    let request = fixture.request("admin", request);
    fixture.images().create_revision(request).await.unwrap().into_inner().revision.unwrap()
}

#[tokio::test]
async fn cancel_before_the_push_ends_the_build_and_publishes_nothing() {
    let Some(fixture) = standalone().await else { return };

    // The first pull of the base takes seconds, so that the build is cancelled during it.
    let request = fixture.custom_image("system", "preparing", &["jq"]);
    let (preparing, preparing_build) = create(&fixture, request).await;
    wait_for_state(&fixture, &preparing_build, BuildState::Preparing).await;
    fixture.cancel(&preparing_build).await;
    check_cancelled(&fixture, "system/preparing", &preparing_build).await;

    // The builder runs one build at a time: while the first is inside apt, the second waits.
    let request = fixture.fake_apt_image("system", "building", "silence");
    let (building, building_build) = create(&fixture, request).await;
    let request = fixture.custom_image("system", "waiting", &["jq"]);
    let (waiting, waiting_build) = create(&fixture, request).await;
    let is_in_apt = |build: &Build| build.state() == BuildState::Building && build.step == "apt";
    fixture.wait_for_build(&building_build, Duration::from_secs(60), is_in_apt).await;
    let queued = wait_for_state(&fixture, &waiting_build, BuildState::Queued).await;
    assert_eq!(queued.attempt, 0);
    fixture.cancel(&waiting_build).await;
    fixture.wait_for_build_process("silence").await;
    fixture.cancel(&building_build).await;
    check_cancelled(&fixture, "system/building", &building_build).await;
    check_cancelled(&fixture, "system/waiting", &waiting_build).await;

    for image in [&preparing, &building, &waiting] {
        assert_eq!(fixture.tags(image), Vec::<String>::new(), "{}", image.name);
    }
}

#[tokio::test]
async fn retry_after_a_cancel_builds_and_a_failed_rebuild_keeps_the_active_revision() {
    let Some(fixture) = standalone().await else { return };
    let request = fixture.custom_image("system", "retried", &["jq"]);
    let (image, cancelled_build) = create(&fixture, request).await;
    fixture.wait_for_build(&cancelled_build, Duration::from_secs(30), |_| true).await;
    fixture.cancel(&cancelled_build).await;
    check_cancelled(&fixture, "system/retried", &cancelled_build).await;

    let retried = retry(&fixture, "system/retried").await;
    assert_eq!(retried.number, 2);
    let build = fixture.wait_for_build(&retried.build_id, BUILD_TIMEOUT, has_ended).await;
    assert_eq!(build.state(), BuildState::Succeeded, "{build:?}");
    // The tag names revision and attempt.
    assert_eq!(fixture.tags(&image), ["r2-1"]);
    let status = fixture.try_cancel("admin", &retried.build_id).await.unwrap_err();
    assert_eq!(reason(&status), "BUILD_PAST_CANCEL");

    let rebuilt = rebuild(&fixture, "system/retried", "no-such-package").await;
    let build = fixture.wait_for_build(&rebuilt.build_id, BUILD_TIMEOUT, has_ended).await;
    let failure = build.failure.unwrap();
    assert_eq!((failure.reason(), failure.step.as_str()), (FailureReason::AptFailed, "apt"));
    assert!(failure.message.contains("no-such-package"), "{failure:?}");
    assert_eq!(build.attempt, 1, "a failure by the spec is not retried");

    let image = fixture.get_image("admin", "system/retried", "").await.unwrap();
    assert_eq!((image.state(), image.active_revision), (ImageState::Ready, 2));
}

//! Killed processes and repeated messages: each build ends once, in the right state, and the
//! catalog agrees.

use std::time::Duration;

use slipway_wire::{
    builder::v1::BuildState,
    catalog::v1::{Image, ImageState},
};

use crate::fixture::{BUILD_TIMEOUT, Fixture, full, has_ended, standalone, wait_until};

const END_EVENTS: [&str; 5] = ["succeeded", "failed", "cancelled", "timed_out", "expired"];

/// Waits for the state of an image in the catalog. Errors of the call are ignored: the catalog may
/// be starting.
async fn wait_for_image(fixture: &Fixture, name: &str, state: ImageState) -> Image {
    wait_until(Duration::from_secs(60), async || match fixture.get_image("admin", name, "").await {
        Ok(image) if image.state() == state => Ok(image),
        other => Err(format!("{other:?}")),
    })
    .await
}

/// Checks that the events of a build have no gaps in their numbers, and exactly one end.
async fn check_history(fixture: &Fixture, build: &str) {
    let sql = format!(
        "select sequence || ' ' || event_type as row from outbox where subject = '{build}' \
         order by sequence"
    );
    let history = fixture.rows("builder", &sql).await;

    let sequences: Vec<i64> =
        history.iter().map(|row| row.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(sequences, (1..).take(sequences.len()).collect::<Vec<_>>(), "{history:#?}");

    let is_end = |row: &&String| END_EVENTS.iter().any(|event_type| row.ends_with(event_type));
    assert_eq!(history.iter().filter(is_end).count(), 1, "{history:#?}");
}

#[tokio::test]
async fn attempt_of_a_killed_builder_is_repeated() {
    let Some(mut fixture) = full().await else { return };
    let request = fixture.fake_apt_image("system", "killed", "seconds-10");
    let build_id = fixture.create_build(request).await;
    fixture.wait_for_build_process(&fixture.id).await;
    fixture.stack.service("builder").crash();
    fixture.wait_for_no_build_processes(Duration::from_secs(5)).await;

    // The lease lasts a minute; the test ends it at once.
    let expire = "update builds set lease_until = 1 where lease_until is not null";
    fixture.execute("builder", expire).await;
    fixture.stack.start("builder").unwrap();
    fixture.stack.wait_until_ready().unwrap();

    let build = fixture.wait_for_build(&build_id, BUILD_TIMEOUT, has_ended).await;
    assert_eq!((build.state(), build.attempt), (BuildState::Succeeded, 2));
    let image = wait_for_image(&fixture, "system/killed", ImageState::Ready).await;
    assert_eq!(image.active_revision, 1);
    check_history(&fixture, &build_id).await;

    fixture.wait_for_no_build_processes(Duration::from_secs(5)).await;
    let attempts = std::fs::read_dir(fixture.data.join("builds/attempts")).unwrap();
    assert_eq!(attempts.count(), 0, "the files of the killed attempt are left");
}

#[tokio::test]
async fn silent_step_ends_with_its_builder() {
    let Some(mut fixture) = standalone().await else { return };
    fixture.create(fixture.fake_apt_image("system", "silent", "silence")).await;
    fixture.wait_for_build_process(&fixture.id).await;

    fixture.stack.service("standalone").crash();

    fixture.wait_for_no_build_processes(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn killed_catalog_publishes_its_committed_request_after_a_restart() {
    let Some(mut fixture) = full().await else { return };
    // Another holder's lease keeps the relay from publishing until the process is dead.
    let take_lease = "
        insert into lease (name, holder, until)
        values ('outbox-relay', '00000000-0000-0000-0000-000000000000', 9000000000000000)
        on conflict (name) do update set holder = excluded.holder, until = excluded.until";
    fixture.execute("catalog", take_lease).await;
    let build = fixture.create_build(fixture.custom_image("system", "committed", &["jq"])).await;
    fixture.stack.service("catalog").crash();

    let unpublished = "
        select event_type as row from outbox
        where position is null and event_type = 'catalog.build.requested'";
    assert_eq!(fixture.rows("catalog", unpublished).await.len(), 1);

    fixture.execute("catalog", "delete from lease").await;
    fixture.stack.start("catalog").unwrap();
    fixture.stack.wait_until_ready().unwrap();
    // The test does not call the builder: GetBuild would make it fetch the request from the
    // catalog.
    fixture.wait_for_succeeded_row(&build).await;
    wait_for_image(&fixture, "system/committed", ImageState::Ready).await;
    check_history(&fixture, &build).await;
}

const BUILDS: &str = "
    select id || ' ' || state || ' ' || attempt || ' ' || sequence || ' ' || coalesce(digest, '')
        as row
    from builds order by id";
const REVISIONS: &str = "
    select image_id || ' ' || number || ' ' || state || ' ' || build_sequence || ' '
        || coalesce(digest, '') as row
    from revisions order by 1";
const IMAGES: &str = "
    select id || ' ' || state || ' ' || coalesce(active_revision, 0) || ' ' || update_time as row
    from images order by id";
const LAST_EVENTS: &str = "
    select subject || ' ' || max(sequence) as row
    from outbox where event_type <> 'catalog.build.requested' group by subject order by subject";

/// The rows of all builds, revisions and images, and the number of each image's last event.
async fn all_rows(fixture: &Fixture) -> [Vec<String>; 4] {
    [
        fixture.rows("builder", BUILDS).await,
        fixture.rows("catalog", REVISIONS).await,
        fixture.rows("catalog", IMAGES).await,
        fixture.rows("catalog", LAST_EVENTS).await,
    ]
}

#[tokio::test]
async fn repeated_messages_change_no_rows() {
    let Some(fixture) = full().await else { return };
    let build = fixture.create_build(fixture.custom_image("system", "twice", &["jq"])).await;
    fixture.wait_for_build(&build, BUILD_TIMEOUT, has_ended).await;
    wait_for_image(&fixture, "system/twice", ImageState::Ready).await;
    let before = all_rows(&fixture).await;

    // As after a crash between publishing and marking, for every message at once.
    for service in ["catalog", "builder"] {
        fixture.execute(service, "update outbox set position = null").await;
    }
    for service in ["catalog", "builder"] {
        let unpublished = "select event_type as row from outbox where position is null";
        let timeout = Duration::from_secs(30);
        fixture.wait_for_rows(service, unpublished, timeout, <[String]>::is_empty).await;
    }

    // When a later build has passed through the same queues, so have the repeated messages.
    let later = fixture.create_build(fixture.custom_image("system", "behind", &["jq"])).await;
    fixture.wait_for_build(&later, BUILD_TIMEOUT, has_ended).await;
    wait_for_image(&fixture, "system/behind", ImageState::Ready).await;

    let after = all_rows(&fixture).await;
    for (before, after) in before.iter().zip(&after) {
        assert!(before.iter().all(|row| after.contains(row)), "{before:#?} became {after:#?}");
        assert_eq!((before.len(), after.len()), (1, 2), "{after:#?}");
    }
}

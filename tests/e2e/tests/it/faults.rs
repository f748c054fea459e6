//! Kills and doubled messages on the full stack: each build ends once, in the right state, and the catalog agrees.

use std::time::{Duration, Instant};

use slipway_wire::{
    builder::v1::BuildState,
    catalog::v1::{GetImageRequest, Image, ImageState},
};

use crate::world::{World, ended, full, standalone};

async fn image_becomes(world: &World, name: &str, want: ImageState) -> Image {
    let began = Instant::now();
    loop {
        let request = GetImageRequest { image: name.to_owned(), consistency_token: String::new() };
        if let Ok(response) = world.images().get_image(world.call("admin", request)).await {
            let image = response.into_inner().image.unwrap();
            if image.state() == want {
                return image;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{image:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the catalog does not answer");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// No numbers missing, and one end.
async fn history_is_whole(world: &World, build: &str) {
    let history =
        world.rows("builder", &format!("select sequence || ' ' || kind as row from outbox where subject = '{build}' order by sequence")).await;
    let numbers: Vec<i64> =
        history.iter().map(|row| row.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(
        numbers,
        (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(),
        "{history:#?}"
    );
    let ends = history
        .iter()
        .filter(|row| {
            ["succeeded", "failed", "cancelled", "timed_out", "expired"]
                .iter()
                .any(|end| row.ends_with(end))
        })
        .count();
    assert_eq!(ends, 1, "{history:#?}");
}

#[tokio::test]
async fn a_killed_builder_is_replaced() {
    let Some(mut world) = full().await else { return };
    let created = world.create(world.puppet("system", "killed", "seconds-10")).await.image.unwrap();
    let build = created.latest_build.unwrap().build_id;
    inside_the_step(&world).await;
    world.stack.service("builder").crash();
    world.no_build_processes(Duration::from_secs(5)).await;

    // Nobody waits a minute in a test: the lease is over at once.
    world
        .execute("builder", "update build set lease_until = 1 where lease_until is not null")
        .await;
    world.stack.restart("builder").unwrap();
    world.stack.wait().unwrap();
    let ended = world.wait_for_build(&build, Duration::from_secs(120), ended).await;
    assert_eq!((ended.state(), ended.attempt), (BuildState::Succeeded, 2));
    let image = image_becomes(&world, "system/killed", ImageState::Ready).await;
    assert_eq!(image.active_revision, 1);
    history_is_whole(&world, &build).await;
    world.no_build_processes(Duration::from_secs(5)).await;
    let left = std::fs::read_dir(world.data.join("builds/attempts")).unwrap().count();
    assert_eq!(left, 0, "the reaper cleared what the dead worker left");
}

async fn inside_the_step(world: &World) {
    let began = Instant::now();
    while !world.build_processes().iter().any(|command| command.contains(&world.id)) {
        assert!(began.elapsed() < Duration::from_secs(60), "no step begins");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_silent_step_dies_with_its_builder() {
    let Some(mut world) = standalone().await else { return };
    world.create(world.puppet("system", "silent", "silence")).await;
    inside_the_step(&world).await;
    world.stack.service("standalone").crash();
    world.no_build_processes(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_killed_catalog_loses_nothing() {
    let Some(mut world) = full().await else { return };
    // Committed but not published: the relay is kept from its lease until the process is dead.
    world.execute("catalog", "insert into lease (name, holder, until) values ('outbox-relay', '00000000-0000-0000-0000-000000000000', 9000000000000000) on conflict (name) do update set holder = excluded.holder, until = excluded.until").await;
    let created = world.create(world.custom("system", "committed", &["jq"])).await.image.unwrap();
    let build = created.latest_build.unwrap().build_id;
    world.stack.service("catalog").crash();
    let waiting = world.rows("catalog", "select kind as row from outbox where position is null and kind = 'catalog.build.requested'").await;
    assert_eq!(waiting.len(), 1, "committed, not published");
    world.execute("catalog", "delete from lease").await;
    world.stack.restart("catalog").unwrap();
    world.stack.wait().unwrap();
    let state = format!("select state as row from build where id = '{build}'");
    world
        .wait_for_rows("builder", &state, Duration::from_secs(120), |rows| rows == ["succeeded"])
        .await;
    image_becomes(&world, "system/committed", ImageState::Ready).await;
    history_is_whole(&world, &build).await;
}

const BUILDS: &str = "select id || ' ' || state || ' ' || attempt || ' ' || sequence || ' ' || coalesce(digest, '') as row from build order by id";
const REVISIONS: &str = "select image_id || ' ' || number || ' ' || state || ' ' || build_sequence || ' ' || coalesce(digest, '') as row from revision order by 1";
const IMAGES: &str = "select id || ' ' || state || ' ' || active_revision || ' ' || sequence as row from image order by id";

#[tokio::test]
async fn every_message_twice_gives_the_same_rows() {
    let Some(world) = full().await else { return };
    let created = world.create(world.custom("system", "twice", &["jq"])).await.image.unwrap();
    let build = created.latest_build.unwrap().build_id;
    world.wait_for_build(&build, Duration::from_secs(120), ended).await;
    image_becomes(&world, "system/twice", ImageState::Ready).await;
    let rows = async || {
        (
            world.rows("builder", BUILDS).await,
            world.rows("catalog", REVISIONS).await,
            world.rows("catalog", IMAGES).await,
        )
    };
    let before = rows().await;
    // The crash after publish and before mark, for every message at once.
    for service in ["catalog", "builder"] {
        world.execute(service, "update outbox set position = null").await;
    }
    let began = Instant::now();
    for service in ["catalog", "builder"] {
        while !world
            .rows(service, "select kind as row from outbox where position is null")
            .await
            .is_empty()
        {
            assert!(began.elapsed() < Duration::from_secs(30), "{service} does not publish again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    // A message behind the doubled ones has gone through: so have they.
    let after = world.create(world.custom("system", "behind", &["jq"])).await.image.unwrap();
    world
        .wait_for_build(&after.latest_build.unwrap().build_id, Duration::from_secs(120), ended)
        .await;
    image_becomes(&world, "system/behind", ImageState::Ready).await;
    let (builds, revisions, images) = rows().await;
    let kept =
        |rows: &[String], before: &[String]| rows.iter().filter(|row| before.contains(row)).count();
    assert_eq!(kept(&builds, &before.0), before.0.len(), "{builds:?}");
    assert_eq!(kept(&revisions, &before.1), before.1.len(), "{revisions:?}");
    assert_eq!(kept(&images, &before.2), before.2.len(), "{images:?}");
    assert_eq!((builds.len(), revisions.len(), images.len()), (2, 2, 2));
}

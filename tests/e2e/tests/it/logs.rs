//! Logs as people follow them: live, resumed from any place, bounded in the builder's memory.

use std::time::Duration;

use slipway_wire::{
    builder::v1::{
        BuildState, CancelBuildRequest, StreamBuildLogsRequest, StreamBuildLogsResponse,
        WatchBuildRequest,
    },
    catalog::v1::ImageAccess,
};
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use crate::world::{World, ended, full, reason, standalone};

async fn open(
    world: &World,
    subject: &str,
    build: &str,
    cursor: &str,
    follow: bool,
) -> Result<Streaming<StreamBuildLogsResponse>, Status> {
    let request =
        StreamBuildLogsRequest { build_id: build.to_owned(), cursor: cursor.to_owned(), follow };
    Ok(world.builds().stream_build_logs(world.call(subject, request)).await?.into_inner())
}

/// To the stream's end.
async fn read(
    mut stream: Streaming<StreamBuildLogsResponse>,
) -> (Vec<StreamBuildLogsResponse>, Vec<u8>) {
    let mut pieces = Vec::new();
    while let Some(piece) = stream.next().await {
        pieces.push(piece.unwrap());
    }
    let bytes = pieces.iter().flat_map(|piece| piece.data.clone()).collect();
    (pieces, bytes)
}

#[tokio::test]
async fn logs_are_followed_and_resumed() {
    let Some(world) = standalone().await else { return };
    let access = Some(ImageAccess { global: true, ..Default::default() });
    let request = slipway_wire::catalog::v1::CreateImageRequest {
        access,
        ..world.puppet("system", "talks", "seconds-8")
    };
    let id = world.create(request).await.image.unwrap().latest_build.unwrap().build_id;

    let mut watching = world
        .builds()
        .watch_build(world.call("admin", WatchBuildRequest { build_id: id.clone() }))
        .await
        .unwrap()
        .into_inner();
    let watched = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(next) = watching.next().await {
            seen.push(next.unwrap().build.unwrap().state());
        }
        seen
    });

    // Followed from before the first byte, cut off inside the step, and taken up again where it was.
    let mut live = open(&world, "admin", &id, "", true).await.unwrap();
    let mut head = Vec::new();
    let cursor = loop {
        let piece = live.next().await.unwrap().unwrap();
        head.extend_from_slice(&piece.data);
        if piece.step == "apt" && String::from_utf8_lossy(&head).contains("waiting") {
            break piece.cursor;
        }
    };
    drop(live);
    let running = world.wait_for_build(&id, Duration::from_secs(5), |_| true).await;
    assert_eq!(running.state(), BuildState::Building, "the log came while the step ran");
    let (_, tail) = read(open(&world, "admin", &id, &cursor, true).await.unwrap()).await;

    let (pieces, whole) = read(open(&world, "admin", &id, "", false).await.unwrap()).await;
    assert_eq!(String::from_utf8_lossy(&[head, tail].concat()), String::from_utf8_lossy(&whole));
    let text = String::from_utf8_lossy(&whole).into_owned();
    let marks: Vec<&str> = text.lines().filter(|line| line.starts_with("── ")).collect();
    assert_eq!(marks, ["── resolve", "── apt", "── commit", "── push"]);
    for piece in &pieces {
        let (_, rest) = read(open(&world, "admin", &id, &piece.cursor, false).await.unwrap()).await;
        assert!(whole.ends_with(&rest), "from {}", piece.cursor);
    }
    let (_, nothing) =
        read(open(&world, "admin", &id, &pieces.last().unwrap().cursor, true).await.unwrap()).await;
    assert_eq!(nothing, b"");

    let states = watched.await.unwrap();
    assert_eq!(states.last(), Some(&BuildState::Succeeded), "{states:?}");
    let order = [
        BuildState::Queued,
        BuildState::Preparing,
        BuildState::Building,
        BuildState::Pushing,
        BuildState::Succeeded,
    ];
    let places: Vec<_> =
        states.iter().map(|state| order.iter().position(|own| own == state)).collect();
    assert!(places.is_sorted(), "no step backwards: {states:?}");

    let refused = async |subject: &str, cursor: &str| {
        reason(&open(&world, subject, &id, cursor, false).await.err().unwrap())
    };
    assert_eq!(refused("admin", "elsewhere").await, "CURSOR_INVALID");
    world.user("reader").await;
    assert_eq!(
        refused("reader", "").await,
        "ROLE_MISSING",
        "who may run an image may not read how it was made"
    );
}

#[tokio::test]
async fn a_log_of_a_hundred_megabytes_takes_little_memory() {
    let Some(mut world) = full().await else { return };
    let build = async |world: &World, name: &str, deed: &str| {
        let id = world
            .create(world.puppet("system", name, deed))
            .await
            .image
            .unwrap()
            .latest_build
            .unwrap()
            .build_id;
        let build = world.wait_for_build(&id, Duration::from_secs(120), ended).await;
        assert_eq!(build.state(), BuildState::Succeeded, "{build:?}");
        id
    };
    build(&world, "warm", "jq").await;
    let before = highest_resident_bytes(world.stack.service("builder").id());
    let id = build(&world, "loud", "noise").await;
    let after = highest_resident_bytes(world.stack.service("builder").id());
    assert!(
        after - before < 32 << 20,
        "the builder's memory rose by {} MiB",
        (after - before) >> 20
    );

    let stored = format!(
        "select cast(sum(length(data)) as text) as row from log_chunk where build_id = '{id}'"
    );
    let stored: u64 = world.rows("builder", &stored).await[0].parse().unwrap();
    assert!((99 << 20..102 << 20).contains(&stored), "{stored} bytes are stored");
    let status = world
        .builds()
        .cancel_build(world.call("admin", CancelBuildRequest { build_id: id }))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "BUILD_PAST_CANCEL");
}

/// Of the process's whole life (proc(5), VmHWM).
fn highest_resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

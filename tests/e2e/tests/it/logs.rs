//! Logs of builds: followed live, resumed from any position, bounded in the builder's memory.

use std::time::Duration;

use slipway_testrig::call::reason;
use slipway_wire::builder::v1::{
    BuildState, StreamBuildLogsRequest, StreamBuildLogsResponse, WatchBuildRequest,
};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use crate::fixture::{BUILD_TIMEOUT, Fixture, full, has_ended, standalone};

async fn open_log(
    fixture: &Fixture,
    build: &str,
    cursor: &str,
    follow: bool,
) -> Result<Streaming<StreamBuildLogsResponse>, Status> {
    let request =
        StreamBuildLogsRequest { build_id: build.to_owned(), cursor: cursor.to_owned(), follow };

    let request = fixture.request("admin", request);
    Ok(fixture.builds().stream_build_logs(request).await?.into_inner())
}

/// Reads a log as the admin from a cursor to its end. Returns the chunks.
async fn read_log(
    fixture: &Fixture,
    build: &str,
    cursor: &str,
    follow: bool,
) -> Vec<StreamBuildLogsResponse> {
    let mut stream = open_log(fixture, build, cursor, follow).await.unwrap();
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next().await {
        chunks.push(chunk.unwrap());
    }

    chunks
}

fn text(chunks: &[StreamBuildLogsResponse]) -> String {
    let bytes: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.data.clone()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Watches a build to its end. The task returns the states.
async fn watch_states(fixture: &Fixture, build: &str) -> JoinHandle<Vec<BuildState>> {
    // The grants of a new image reach the builder after the catalog's response.
    fixture.wait_for_build(build, Duration::from_secs(5), |_| true).await;
    let request = fixture.request("admin", WatchBuildRequest { build_id: build.to_owned() });
    let mut stream = fixture.builds().watch_build(request).await.unwrap().into_inner();

    tokio::spawn(async move {
        let mut states = Vec::new();
        while let Some(response) = stream.next().await {
            states.push(response.unwrap().build.unwrap().state());
        }
        states
    })
}

/// Follows a log until the apt step has printed `waiting`, and disconnects. Returns the chunks.
async fn follow_into_apt_step(fixture: &Fixture, build: &str) -> Vec<StreamBuildLogsResponse> {
    let mut stream = open_log(fixture, build, "", true).await.unwrap();
    let mut chunks: Vec<StreamBuildLogsResponse> = Vec::new();
    while !(chunks.last().is_some_and(|chunk| chunk.step == "apt")
        && text(&chunks).contains("waiting"))
    {
        chunks.push(stream.next().await.unwrap().unwrap());
    }

    chunks
}

fn check_states_in_order(states: &[BuildState]) {
    let order = [
        BuildState::Queued,
        BuildState::Preparing,
        BuildState::Building,
        BuildState::Pushing,
        BuildState::Succeeded,
    ];

    let positions: Vec<_> =
        states.iter().map(|state| order.iter().position(|other| other == state)).collect();
    assert!(positions.is_sorted(), "{states:?}");
    assert_eq!(states.last(), Some(&BuildState::Succeeded), "{states:?}");
}

#[tokio::test]
async fn log_is_followed_live_and_resumed_from_every_cursor() {
    let Some(fixture) = standalone().await else { return };
    let request = fixture.fake_apt_image("system", "talks", "seconds-8");
    let build = fixture.create_build(request).await;
    let states = watch_states(&fixture, &build).await;

    let head = follow_into_apt_step(&fixture, &build).await;
    let running = fixture.wait_for_build(&build, Duration::from_secs(5), |_| true).await;
    assert_eq!(running.state(), BuildState::Building, "the log came after the step");
    let tail = read_log(&fixture, &build, &head.last().unwrap().cursor, true).await;

    let chunks = read_log(&fixture, &build, "", false).await;
    let complete = text(&chunks);
    assert_eq!(text(&[head, tail].concat()), complete);
    let marks: Vec<&str> = complete.lines().filter(|line| line.starts_with("── ")).collect();
    assert_eq!(marks, ["── resolve", "── apt", "── commit", "── push"]);

    for chunk in &chunks {
        let rest = read_log(&fixture, &build, &chunk.cursor, false).await;
        assert!(complete.ends_with(&text(&rest)), "from {}", chunk.cursor);
    }
    let last_cursor = &chunks.last().unwrap().cursor;
    assert_eq!(text(&read_log(&fixture, &build, last_cursor, true).await), "");
    check_states_in_order(&states.await.unwrap());

    let status = open_log(&fixture, &build, "elsewhere", false).await.err().unwrap();
    assert_eq!(reason(&status), "CURSOR_INVALID");
}

/// Runs a build of the fake apt-get to its success. Returns its id.
async fn build(fixture: &Fixture, name: &str, behaviour: &str) -> String {
    let id = fixture.create_build(fixture.fake_apt_image("system", name, behaviour)).await;
    let build = fixture.wait_for_build(&id, BUILD_TIMEOUT, has_ended).await;
    assert_eq!(build.state(), BuildState::Succeeded, "{build:?}");

    id
}

#[tokio::test]
async fn log_of_a_hundred_megabytes_is_stored_with_little_memory() {
    let Some(mut fixture) = full().await else { return };
    build(&fixture, "warm", "jq").await;

    let before = highest_resident_bytes(fixture.stack.service("builder").id());
    let id = build(&fixture, "loud", "noise").await;
    let after = highest_resident_bytes(fixture.stack.service("builder").id());
    let mebibytes = (after - before) >> 20;
    assert!(mebibytes < 32, "the builder's memory rose by {mebibytes} MiB");

    let sql = format!(
        "select cast(sum(length(data)) as text) as row from log_chunks where build_id = '{id}'"
    );
    let stored: u64 = fixture.rows("builder", &sql).await[0].parse().unwrap();
    assert!((99 << 20..102 << 20).contains(&stored), "{stored} bytes are stored");

    let status = fixture.try_cancel("admin", &id).await.unwrap_err();
    assert_eq!(reason(&status), "BUILD_PAST_CANCEL");
}

/// The process's highest memory use since its start (proc(5), VmHWM).
fn highest_resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();

    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

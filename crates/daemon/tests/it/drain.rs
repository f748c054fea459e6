//! Draining of a server that stops.

use std::time::{Duration, Instant};

use slipway_daemon::Limits;
use slipway_testrig::ports::listens;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::fixture::{Fixture, TEST_TIMEOUT};

/// Stops the server during a call, and lets that call finish after a new call has been rejected.
async fn stop_during_call(fixture: &Fixture, stop: CancellationToken) {
    fixture.stub.wait_for_calls(1).await;
    stop.cancel();

    let start = Instant::now();
    while listens(fixture.port) {
        assert!(start.elapsed() < TEST_TIMEOUT, "the server still listens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let status = fixture.call_over_new_connection("alice").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    fixture.stub.release_calls();
}

#[tokio::test]
async fn stopping_server_answers_running_calls_and_accepts_no_new_ones() {
    let mut fixture = Fixture::start(Limits::default()).await;
    let supervisor = std::mem::take(&mut fixture.supervisor);

    let stopping = stop_during_call(&fixture, supervisor.stop_token());
    let (answer, ()) = tokio::join!(fixture.call("alice"), stopping);
    answer.expect("a call that began before the stop is answered");

    tokio::time::timeout(TEST_TIMEOUT, supervisor.shut_down(TEST_TIMEOUT * 2))
        .await
        .expect("all tasks end at once when no call is left");
}

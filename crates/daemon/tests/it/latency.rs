//! Latency of single calls.

use std::time::{Duration, Instant};

use slipway_daemon::Limits;

use crate::fixture::Fixture;

/// A delayed acknowledgement of Linux takes 40 ms.
const MAX_MEDIAN: Duration = Duration::from_millis(10);

#[tokio::test]
async fn response_of_two_segments_does_not_wait_for_an_acknowledgement() {
    let fixture = Fixture::start(Limits::default()).await;
    fixture.stub.release_calls();
    fixture.call("alice").await.unwrap();

    let mut times = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        fixture.call("alice").await.unwrap();
        times.push(start.elapsed());
    }

    times.sort();
    let median = times[times.len() / 2];
    assert!(median < MAX_MEDIAN, "{median:?} of {times:?}");
}

//! Starts the callers of one measurement and sums up their calls.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::operations::{Operation, Target};

/// Calls in this first second are not counted, because connections open and caches fill.
const WARM_UP_DELAY: Duration = Duration::from_secs(1);

/// The calls of one measurement.
pub(crate) struct Measurement {
    /// Time of each successful call, in ascending order.
    latencies: Vec<Duration>,
    /// Calls that were answered with an error.
    pub(crate) failed: usize,
    duration: Duration,
}

/// Sends calls from `callers` connections at once for `duration`.
pub(crate) async fn measure(
    target: &Target,
    operation: Operation,
    callers: usize,
    duration: Duration,
) -> Result<Measurement> {
    let mut loops = JoinSet::new();
    for _ in 0..callers {
        let connection = target.connect().await?;
        loops.spawn(connection.repeat(operation, WARM_UP_DELAY, duration));
    }

    let mut measurement = Measurement { latencies: Vec::new(), failed: 0, duration };
    while let Some(calls) = loops.join_next().await {
        let calls = calls?;
        measurement.latencies.extend(calls.latencies);
        measurement.failed += calls.failed;
    }

    ensure!(!measurement.latencies.is_empty(), "no call of {} succeeded", operation.name());
    measurement.latencies.sort_unstable();
    Ok(measurement)
}

impl Measurement {
    pub(crate) fn calls_per_second(&self) -> f64 {
        let calls = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        f64::from(calls) / self.duration.as_secs_f64()
    }

    /// The time within which `percent` of the calls were answered.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len() - 1;
        self.latencies[(self.latencies.len() * percent / 100).min(last)]
    }
}

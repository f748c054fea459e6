//! Periodic repair, without input: lost leases, builds that waited too long.

use std::time::Duration;

use slipway_fault::{Fault, Reason};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        arrow::{Arrow, Guard},
        failure::{Failure, FailureReason},
        state::Event,
    },
    store::{LEASE, Store},
};

const INTERVAL: Duration = Duration::from_secs(2);

/// Why leases may have run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// The database answered all the time: a silent worker is lost.
    Clear,
    /// The database was away a moment ago: nobody could renew a lease, and the attempt costs nothing.
    DatabaseWasAway,
}

/// Repairs until `stop`.
pub async fn run(store: Store, queue_limit: Duration, stop: CancellationToken) {
    let mut last_failure: Option<Instant> = None;
    while !stop.is_cancelled() {
        let weather = match last_failure.is_some_and(|at| at.elapsed() < LEASE) {
            true => Weather::DatabaseWasAway,
            false => Weather::Clear,
        };
        if let Err(fault) = repair(&store, queue_limit, weather).await {
            if fault.reason() == Reason::DatabaseUnavailable {
                last_failure = Some(Instant::now());
            }
            tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "reconciling builds failed; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// One round.
pub async fn repair(store: &Store, queue_limit: Duration, weather: Weather) -> Result<(), Fault> {
    for (id, attempt) in store.expired_leases().await? {
        let failure = Failure::new(
            FailureReason::WorkerLost,
            "",
            "the worker was not heard of for longer than its lease; the build is tried again, three times in all",
        );
        let lost = Arrow {
            refunded: weather == Weather::DatabaseWasAway,
            ..Arrow::failed(Event::LeaseLost, failure)
        };
        let moved = match store.arrow(id, Guard::Attempt(attempt), &lost).await {
            Ok(moved) => moved,
            Err(fault) => {
                tracing::warn!(build.id = %id, error = %fault, "a lost lease could not be repaired; trying again");
                continue;
            }
        };
        tracing::warn!(build.id = %id, build.attempt = attempt, build.state = ?moved.map(|build| build.state), "a worker lost its lease");
    }
    for (id, attempt) in store.waiting_longer_than(queue_limit).await? {
        let failure = Failure::new(
            FailureReason::QueuedTooLong,
            "",
            "no worker took the build in time; ask the operators whether builders run, then retry",
        );
        if let Err(fault) =
            store.arrow(id, Guard::Attempt(attempt), &Arrow::failed(Event::Timeout, failure)).await
        {
            tracing::warn!(build.id = %id, error = %fault, "a build that waited too long could not be ended; trying again");
        }
    }
    Ok(())
}

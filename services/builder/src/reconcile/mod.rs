//! Periodic repair, without input: lost leases, builds that waited too long.

use std::time::Duration;

use slipway_fault::Fault;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        failure::{Failure, FailureReason},
        state::Event,
    },
    store::{Arrow, Guard, Store},
};

const INTERVAL: Duration = Duration::from_secs(2);

/// Repairs until `stop`.
pub async fn run(store: Store, queue_limit: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(fault) = repair(&store, queue_limit).await {
            tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "reconciling builds failed; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// One round.
pub async fn repair(store: &Store, queue_limit: Duration) -> Result<(), Fault> {
    for (id, attempt) in store.expired_leases().await? {
        let failure = Failure::new(
            FailureReason::WorkerLost,
            "",
            "the worker was not heard of for longer than its lease; the build is tried again, three times in all",
        );
        let moved = match store.arrow(id, Guard::Attempt(attempt), &Arrow::failed(Event::LeaseLost, failure)).await {
            Ok(moved) => moved,
            Err(fault) => {
                tracing::warn!(build.id = %id, error = %fault, "a lost lease could not be repaired; trying again");
                continue;
            }
        };
        tracing::warn!(build.id = %id, build.attempt = attempt, build.state = ?moved.map(|build| build.state), "a worker lost its lease");
    }
    for (id, _) in store.waiting_longer_than(queue_limit).await? {
        let failure =
            Failure::new(FailureReason::QueuedTooLong, "", "no worker took the build in time; ask the operators whether builders run, then retry");
        let _ = store.arrow(id, Guard::Anybody, &Arrow::failed(Event::Timeout, failure)).await?;
    }
    Ok(())
}

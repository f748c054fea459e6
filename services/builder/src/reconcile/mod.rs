//! Periodic repair: ends attempts whose lease was lost, and builds that waited too long.

use std::{error::Error as _, time::Duration};

use slipway_database::StoreError;
use slipway_names::id::BuildId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        attempt::{ATTEMPT_LEASE_TTL, AttemptNumber},
        failure::{Failure, FailureReason},
        transition::{Guard, Transition},
    },
    store::{Store, transition::AdvanceError},
};

const REPAIR_INTERVAL: Duration = Duration::from_secs(2);

/// The probable cause of expired leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseLoss {
    /// The database was reachable, so the worker is lost. The attempt counts.
    WorkerSilent,
    /// The database was unreachable less than a lease ago, so no worker could renew. The attempt
    /// does not count.
    DatabaseOutage,
}

/// Repairs builds until `stop`. Builds that wait longer than `queue_limit` expire.
pub async fn run(store: Store, queue_limit: Duration, stop: CancellationToken) {
    let mut last_outage: Option<Instant> = None;

    while !stop.is_cancelled() {
        let lease_loss = if last_outage.is_some_and(|time| time.elapsed() < ATTEMPT_LEASE_TTL) {
            LeaseLoss::DatabaseOutage
        } else {
            LeaseLoss::WorkerSilent
        };

        if let Err(error) = repair(&store, queue_limit, lease_loss).await {
            if matches!(error, StoreError::Unavailable(_)) {
                last_outage = Some(Instant::now());
            }
            tracing::warn!(
                %error,
                cause = ?error.source(),
                "repair of builds failed; retrying"
            );
        }

        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(REPAIR_INTERVAL) => {}
        }
    }
}

/// One round of repair. A build that cannot be repaired is logged and skipped.
///
/// # Errors
/// [`StoreError`] if the builds cannot be listed.
pub async fn repair(
    store: &Store,
    queue_limit: Duration,
    lease_loss: LeaseLoss,
) -> Result<(), StoreError> {
    for (id, attempt) in store.expired_leases().await? {
        end_lost_attempt(store, id, attempt, lease_loss).await;
    }

    for (id, attempt) in store.waiting_longer_than(queue_limit).await? {
        expire(store, id, attempt).await;
    }

    Ok(())
}

async fn end_lost_attempt(
    store: &Store,
    id: BuildId,
    attempt: AttemptNumber,
    lease_loss: LeaseLoss,
) {
    let failure = Failure::new(
        FailureReason::WorkerLost,
        None,
        "The worker did not renew its lease in time. Slipway tries a build at most three times.",
    );
    let counts = lease_loss == LeaseLoss::WorkerSilent;
    let lease_lost = Transition::LeaseLost { failure, counts };

    match store.advance(id, Guard::Attempt(attempt), &lease_lost).await {
        Ok(build) => tracing::warn!(
            build.id = %id,
            build.attempt = attempt.0,
            build.state = %build.state,
            "ended an attempt whose lease had expired"
        ),
        // The worker has renewed its lease, or ended the attempt, since the lease was examined.
        Err(AdvanceError::Refused(refused)) => {
            tracing::debug!(
                build.id = %id,
                %refused,
                "did not end an attempt whose lease had expired; it was renewed or has ended"
            );
        }
        Err(AdvanceError::Store(error)) => {
            tracing::warn!(
                build.id = %id,
                %error,
                "repair of a lost lease failed; retrying"
            );
        }
    }
}

async fn expire(store: &Store, id: BuildId, attempt: AttemptNumber) {
    let failure = Failure::new(
        FailureReason::QueuedTooLong,
        None,
        "No worker claimed the build within the queue's time limit. \
         Ask the operators whether builders are running, then retry.",
    );
    let timeout = Transition::Timeout(failure);

    match store.advance(id, Guard::Attempt(attempt), &timeout).await {
        Ok(_) => {}
        Err(AdvanceError::Refused(refused)) => {
            tracing::debug!(
                build.id = %id,
                %refused,
                "did not expire a queued build; it has left the queue"
            );
        }
        Err(error) => {
            tracing::warn!(build.id = %id, %error, "expiry of a queued build failed; retrying");
        }
    }
}

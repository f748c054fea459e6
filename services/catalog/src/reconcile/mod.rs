//! Periodic repair, without input: creates that nobody finished are taken back, changes of access are finished.

use std::{sync::Arc, time::Duration};

use slipway_authorizer::Authorizer;
use slipway_fault::Fault;
use tokio_util::sync::CancellationToken;

use crate::{app::registration, store::Store};

const INTERVAL: Duration = Duration::from_secs(5);
/// Longer than permission needs to answer.
const UNFINISHED_MICROS: i64 = 30 * 1_000_000;
/// Longer than any call may take.
const ABANDONED: Duration = Duration::from_secs(330);

/// Repairs until `stop`.
pub(crate) async fn run(store: Store, authorizer: Arc<dyn Authorizer>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(fault) = repair(&store, authorizer.as_ref()).await {
            tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "reconciling images failed; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

async fn repair(store: &Store, authorizer: &dyn Authorizer) -> Result<(), Fault> {
    for id in store.abandoned_creates(i64::try_from(ABANDONED.as_micros()).unwrap_or(i64::MAX)).await? {
        authorizer.remove(id.into()).await?;
        store.abort_create(id).await?;
        tracing::info!(image.id = %id, "took back a create that nobody finished");
    }
    for image in store.unfinished_access(UNFINISHED_MICROS).await? {
        let revision = authorizer.register(registration(&image)).await?;
        store.finish_access(image.id, revision).await?;
        tracing::info!(image.id = %image.id, "finished a change of access that was cut off");
    }
    Ok(())
}

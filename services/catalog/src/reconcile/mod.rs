//! Periodic repair of changes that stopped between their two transactions. They are completed, or
//! rolled back where permission refuses them.

mod access;
mod create;
mod outcome;

use std::time::Duration;

use slipway_database::StoreError;
use tokio_util::sync::CancellationToken;

use crate::{app::App, store::Store};

const REPAIR_INTERVAL: Duration = Duration::from_secs(5);
/// Longer than a call to permission usually takes. Repairing a change whose call still runs is
/// harmless: both lead to the same end.
const UNFINISHED_AGE: Duration = Duration::from_secs(30);

/// Repairs until `stop`.
pub(crate) async fn run(app: App, store: Store, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let repaired = tokio::select! {
            () = stop.cancelled() => return,
            repaired = repair(&app, &store) => repaired,
        };
        if let Err(error) = repaired {
            tracing::warn!(
                %error,
                cause = ?std::error::Error::source(&error),
                "reading the unfinished changes of images failed; retrying"
            );
        }

        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(REPAIR_INTERVAL) => {}
        }
    }
}

/// One round. A change that cannot be completed now is tried again in the next round and does not
/// delay the others.
pub async fn repair(app: &App, store: &Store) -> Result<(), StoreError> {
    create::complete_all(app, store, UNFINISHED_AGE).await?;
    access::complete_all(app, store, UNFINISHED_AGE).await
}

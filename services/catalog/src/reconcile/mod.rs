//! Periodic repair, without input: creates and changes of access that were cut off between their steps are finished, or dropped where
//! permission refuses them.

use std::time::Duration;

use slipway_fault::Fault;
use slipway_names::id::ImageId;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, is_refusal},
    domain::image::Image,
};

const INTERVAL: Duration = Duration::from_secs(5);
/// Longer than permission needs to answer.
const CUT_OFF_MICROS: i64 = 30 * 1_000_000;

/// Repairs until `stop`.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let repaired = tokio::select! {
            () = stop.cancelled() => return,
            repaired = repair(&app) => repaired,
        };
        if let Err(fault) = repaired {
            tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "reconciling images failed; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// One round. What fails waits for the next one and holds up no other.
pub async fn repair(app: &App) -> Result<(), Fault> {
    for (image, revision) in app.store().unfinished_creates(CUT_OFF_MICROS).await? {
        tell("create", image.id, app.finish_create(&image, &revision).await);
    }
    for image in app.store().unfinished_access(CUT_OFF_MICROS).await? {
        tell("change of access", image.id, app.finish_access(&image).await);
    }
    Ok(())
}

fn tell(what: &str, id: ImageId, outcome: Result<Image, Fault>) {
    match outcome {
        Ok(_) => tracing::info!(image.id = %id, "finished a {what} that was cut off"),
        Err(fault) if is_refusal(&fault) => {
            tracing::info!(image.id = %id, error = %fault, "dropped a {what} that was cut off")
        }
        Err(fault) => {
            let cause = std::error::Error::source(&fault);
            tracing::warn!(image.id = %id, error.reason = fault.reason().as_str(), error = %fault, ?cause, "a {what} that was cut off is not finished");
        }
    }
}

//! The log of repairs.

use slipway_fault::Fault;
use slipway_names::id::ImageId;

use crate::app::registration::Completion;

pub(super) fn log_outcome(change: &str, id: ImageId, outcome: Result<Completion, Fault>) {
    match outcome {
        Ok(Completion::Completed(_)) => {
            tracing::info!(image.id = %id, "completed an unfinished {change}");
        }
        Ok(Completion::Refused(fault)) => {
            tracing::info!(
                image.id = %id,
                error = %fault,
                "an unfinished {change} was refused and rolled back, or had already ended"
            );
        }
        Err(fault) => tracing::warn!(
            image.id = %id,
            error.reason = fault.reason().as_str(),
            error = %fault,
            cause = ?std::error::Error::source(&fault),
            "an unfinished {change} could not be completed; retrying"
        ),
    }
}

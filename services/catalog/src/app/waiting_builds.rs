//! The fault of a request that exceeds the limit on an owner's waiting builds.
//! `store/waiting_builds.rs` checks the limit.

use slipway_fault::{Fault, Reason};

use crate::{app::App, domain::image::Image, store::waiting_builds::BuildSettings};

impl App {
    pub(super) fn build_settings(&self) -> BuildSettings {
        BuildSettings {
            registry: self.policy.registry.clone(),
            max_waiting: self.policy.waiting_builds_per_owner,
        }
    }
}

/// `QUEUE_FULL` for another build of this image.
pub(super) fn queue_full(image: &Image, settings: &BuildSettings) -> Fault {
    let owner = &image.owner_name;
    let max_waiting = settings.max_waiting;

    let message = format!(
        "`{owner}` already has {max_waiting} builds waiting, the maximum. \
         Wait until one starts, or cancel one."
    );
    Fault::new(Reason::QueueFull, message).violation(
        format!("owner:{owner}"),
        format!("at most {max_waiting} builds may wait at the same time"),
    )
}

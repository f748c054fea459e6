//! The limit on an owner's waiting builds.

use slipway_fault::{Fault, Reason};

use crate::{app::App, domain::image::Image, store::queue::BuildQueue};

impl App {
    pub(super) fn build_queue(&self) -> BuildQueue {
        BuildQueue {
            registry: self.policy.registry.clone(),
            max_waiting: self.policy.waiting_builds_per_owner,
        }
    }
}

/// `QUEUE_FULL` for another build of this image.
pub(super) fn queue_full(image: &Image, queue: &BuildQueue) -> Fault {
    let owner = &image.owner_name;
    let max_waiting = queue.max_waiting;

    let message = format!(
        "`{owner}` already has {max_waiting} builds waiting, the maximum. \
         Wait until one starts, or cancel one."
    );
    Fault::new(Reason::QueueFull, message).violation(
        format!("owner:{owner}"),
        format!("at most {max_waiting} builds may wait at the same time"),
    )
}

//! The states of a build. [`crate::domain::transition`] has the state machine.

use strum::{Display, EnumString, VariantArray};

/// The state of a build. Its word is the form in databases and the last part of event types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// The worker resolves and pulls the base.
    Preparing,
    /// The worker installs packages.
    Building,
    /// The worker pushes the image. A cancel is refused in this state.
    Pushing,
    /// A cancel was requested; the worker stops the attempt.
    Cancelling,
    /// The image is pushed and recorded.
    Succeeded,
    /// Failed, and is not retried.
    Failed,
    /// Cancelled; no image was published.
    Cancelled,
    /// Exceeded a time limit while a worker ran it.
    TimedOut,
    /// Exceeded the time limit of the queue.
    Expired,
}

impl State {
    /// The states in which a worker holds a lease on the build.
    pub const RUNNING: [Self; 4] =
        [Self::Preparing, Self::Building, Self::Pushing, Self::Cancelling];

    /// Whether the state is final.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Expired
        )
    }

    /// Whether a worker holds a lease on the build.
    pub fn is_running(self) -> bool {
        Self::RUNNING.contains(&self)
    }
}

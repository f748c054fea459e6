//! The state of a build.

use slipway_wire::builder::v1::{Build, BuildState};

/// Whether the state of the build is terminal.
pub(crate) fn has_ended(build: &Build) -> bool {
    matches!(
        build.state(),
        BuildState::Succeeded
            | BuildState::Failed
            | BuildState::Cancelled
            | BuildState::TimedOut
            | BuildState::Expired
    )
}

//! Builds: their updates from the builder.

use slipway_fault::{Fault, Reason};
use slipway_names::id::BuildId;

use crate::{app::App, domain::build::BuildUpdate, store::build::UpdateOutcome};

impl App {
    /// Stores one change of a build. A change that is older than the stored one is ignored.
    ///
    /// # Errors
    /// `BUILD_NOT_FOUND` when no revision has this build.
    pub async fn apply_build_update(&self, update: &BuildUpdate) -> Result<(), Fault> {
        match self.store.apply_build_update(update).await? {
            UpdateOutcome::Applied | UpdateOutcome::Ignored => Ok(()),
            UpdateOutcome::BuildUnknown => Err(build_not_found(update.build)),
        }
    }
}

pub(super) fn build_not_found(id: BuildId) -> Fault {
    Fault::new(Reason::BuildNotFound, format!("There is no build {id}."))
}

//! The request of a build, for a builder that has not received it from the broker.

use slipway_fault::Fault;
use slipway_names::id::BuildId;

use crate::{
    app::{App, build::build_not_found},
    domain::build_request::BuildRequest,
};

impl App {
    /// The request of a build whose revision is BUILDING.
    ///
    /// # Errors
    /// `BUILD_NOT_FOUND`, also for a build that has ended and for an image that is still CREATING.
    pub async fn build_request(&self, id: BuildId) -> Result<BuildRequest, Fault> {
        let request = self.store.build_request(id, &self.policy.registry).await?;
        request.ok_or_else(|| build_not_found(id))
    }
}

//! The port to the catalog.

use async_trait::async_trait;
use slipway_fault::Fault;
use slipway_names::id::BuildId;

use crate::domain::build::Request;

/// Source of build requests that the broker has not delivered yet.
#[async_trait]
pub trait RequestSource: Send + Sync {
    /// The request of this build; `None` if there is none.
    async fn request(&self, id: BuildId) -> Result<Option<Request>, Fault>;
}

//! Use cases of people: reads, cancels and watches builds, and reads their logs.

pub mod build;
pub mod log;
pub mod ports;
mod stream_access;

use std::sync::Arc;

use slipway_authz::{
    check::{Authorizer, ObjectQuery},
    projection::state::MaxAges,
    role::Role,
};
use slipway_fault::Fault;
use slipway_identity::Caller;

use crate::{app::ports::RequestSource, store::Store};

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct App {
    store: Store,
    authorizer: Arc<dyn Authorizer>,
    requests: Arc<dyn RequestSource>,
    max_ages: MaxAges,
}

impl App {
    pub fn new(
        store: Store,
        authorizer: Arc<dyn Authorizer>,
        requests: Arc<dyn RequestSource>,
        max_ages: MaxAges,
    ) -> Self {
        Self { store, authorizer, requests, max_ages }
    }

    /// Checks access to the event log, which contains the events of all builds.
    ///
    /// # Errors
    /// `ROLE_MISSING`, `PERMISSION_UNAVAILABLE`.
    pub async fn require_platform_reader(&self, caller: &Caller) -> Result<(), Fault> {
        self.authorizer
            .check(caller, ObjectQuery::Platform, Role::Reader)
            .await?
            .require_on_platform(Role::Reader)
    }
}

//! Use cases of the catalog: authorize the caller, then read or change images.

pub mod access;
pub mod build;
pub mod build_request;
pub mod create;
pub mod image;
pub mod registration;
pub mod resolve;
pub mod revision;
pub mod source;
pub mod spec;
pub mod waiting_builds;

use std::sync::Arc;

use slipway_authz::{
    check::{Authorizer, ObjectQuery},
    projection::state::MaxAges,
    role::Role,
};
use slipway_fault::Fault;
use slipway_identity::Caller;
use slipway_packages::PackageRules;
use slipway_registry::Registries;

use crate::store::Store;

/// The configured rules of this installation.
#[derive(Debug, Clone)]
pub struct CatalogPolicy {
    /// `host[:port]` of the registry that custom images are pushed to.
    pub registry: String,
    /// What package lines may name.
    pub packages: PackageRules,
    /// How old the last contact with permission may be.
    pub max_ages: MaxAges,
    /// Builds of one owner that may wait at the same time.
    pub waiting_builds_per_owner: u32,
}

/// All use cases. Cheap to clone.
#[derive(Clone)]
pub struct App {
    store: Store,
    authorizer: Arc<dyn Authorizer>,
    registries: Arc<Registries>,
    policy: Arc<CatalogPolicy>,
}

impl App {
    pub fn new(
        store: Store,
        authorizer: Arc<dyn Authorizer>,
        registries: Registries,
        policy: CatalogPolicy,
    ) -> Self {
        Self { store, authorizer, registries: Arc::new(registries), policy: Arc::new(policy) }
    }

    /// For the event log, which shows the events of all images.
    ///
    /// # Errors
    /// `ROLE_MISSING`, `PERMISSION_UNAVAILABLE`.
    pub async fn require_platform_reader(&self, caller: &Caller) -> Result<(), Fault> {
        let decision = self.authorizer.check(caller, ObjectQuery::Platform, Role::Reader).await?;
        decision.require_on_platform(Role::Reader)
    }
}

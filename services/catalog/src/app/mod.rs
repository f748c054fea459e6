//! Use cases of the catalog: who asks, may it, what changes.

mod access;
mod create;
mod read;
mod registration;
mod revisions;
mod source;

use std::{sync::Arc, time::Duration};

use slipway_authorizer::{Authorizer, ObjectQuery};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role},
    id::RequestId,
};
use slipway_outbox::idempotency::Key;
use slipway_packages::Policy;
use slipway_registry::Registries;

use crate::{
    domain::image::Image,
    store::{Queue, Store},
};

pub use access::WantedAccess;
pub use create::CreateImage;
pub use read::Resolved;
pub(crate) use registration::is_refusal;
pub use source::Source;

/// What the use cases need to know of the site.
#[derive(Debug, Clone)]
pub struct Site {
    /// Where custom images are pushed.
    pub registry: String,
    /// What package lines may name.
    pub policy: Policy,
    /// Without news of grants for longer than this, nothing is resolved.
    pub access_stale: Duration,
    /// Builds of one owner that may wait at once.
    pub waiting_builds_per_owner: u32,
}

/// All use cases. Cheap to clone.
#[derive(Clone)]
pub struct App {
    store: Store,
    authorizer: Arc<dyn Authorizer>,
    registries: Arc<Registries>,
    site: Arc<Site>,
}

impl App {
    /// On one store.
    pub fn new(
        store: Store,
        authorizer: Arc<dyn Authorizer>,
        registries: Registries,
        site: Site,
    ) -> Self {
        Self { store, authorizer, registries: Arc::new(registries), site: Arc::new(site) }
    }

    /// The store, for streams and for the reconciler.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// For the event log, which shows everything.
    pub async fn require_platform_reader(&self, caller: &Caller) -> Result<(), Fault> {
        self.authorizer
            .check(caller, ObjectQuery::Platform, Role::Reader)
            .await?
            .require(Role::Reader, "the platform", Reason::RoleMissing)
            .map(|_| ())
    }

    /// An image that the caller's user may change in this way: seen by the projection, decided by permission.
    ///
    /// Also the permission revision of the decision: what is written by it is seen only where that revision is known.
    async fn image_for(
        &self,
        caller: &Caller,
        id_or_name: &str,
        role: Role,
    ) -> Result<(Image, i64), Fault> {
        let image = self.image(caller, id_or_name).await?;
        let object = ObjectQuery::Id(ObjectKind::Image, image.id.into());
        let decision = self.authorizer.check(caller, object, role).await?.require(
            role,
            &format!("image `{}`", image.qualified_name()),
            Reason::ImageNotFound,
        )?;
        Ok((image, decision.revision))
    }

    /// `<registry>/<owner>/<name>-<last 8 of the id>`
    pub fn repository(&self, image: &Image) -> String {
        format!("{}/{}-{}", self.site.registry, image.qualified_name(), image.id.short())
    }

    fn queue(&self, image: &Image) -> Queue {
        Queue {
            repository: self.repository(image),
            waiting_at_most: self.site.waiting_builds_per_owner,
        }
    }
}

/// The caller's id of a create, with the hash of everything it asked for.
pub fn request_key(caller: &Caller, request_id: &str, hash: String) -> Result<Option<Key>, Fault> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let id: RequestId = request_id.parse().map_err(|error| Fault::field("request_id", error))?;
    Ok(Some(Key { caller: caller.require_user()?.id.to_string(), request_id: id.0, hash }))
}

//! Builds as people see them.

use std::sync::Arc;

use async_trait::async_trait;
use slipway_authorizer::{Authorizer, ObjectQuery};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role},
    id::{BuildId, ImageId},
};
use slipway_paging::Page;

use crate::{
    domain::{
        arrow::{Arrow, Guard},
        build::{Build, Request},
        state::{Event, State},
    },
    store::Store,
};

/// Requests that the broker has not brought yet.
#[async_trait]
pub trait RequestSource: Send + Sync {
    /// The request of this build, if the catalog made one.
    async fn request(&self, id: BuildId) -> Result<Option<Request>, Fault>;
}

/// All use cases. Cheap to clone.
#[derive(Clone)]
pub struct App {
    store: Store,
    authorizer: Arc<dyn Authorizer>,
    requests: Arc<dyn RequestSource>,
}

impl App {
    /// On one store.
    pub fn new(
        store: Store,
        authorizer: Arc<dyn Authorizer>,
        requests: Arc<dyn RequestSource>,
    ) -> Self {
        Self { store, authorizer, requests }
    }

    /// The store, for streams.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The build, for those who have the role on its image. One that is not here yet is fetched from the catalog.
    pub async fn build(&self, caller: &Caller, id: BuildId, role: Role) -> Result<Build, Fault> {
        let user = caller.require_user()?.id;
        if let Some(build) = self.store.build_seen_by(id, user, role).await? {
            return Ok(build);
        }
        if let Some(request) = self.fetch(id).await
            && self.store.build(id).await?.is_none()
        {
            self.store.enqueue(&request).await?;
            if let Some(build) = self.store.build_seen_by(id, user, role).await? {
                return Ok(build);
            }
        }
        let sees = role > Role::Reader
            && self.store.build_seen_by(id, user, Role::Reader).await?.is_some();
        Err(match sees {
            true => Fault::new(
                Reason::RoleMissing,
                format!(
                    "you see build {id} but are not {role} of its image; ask one of its managers"
                ),
            )
            .metadata("role", role),
            false => not_found(id),
        })
    }

    /// Asked for every build that the caller does not see, and a catalog in trouble answers like one without it: neither the time nor the
    /// status may tell absent from invisible.
    async fn fetch(&self, id: BuildId) -> Option<Request> {
        self.requests.request(id).await.unwrap_or_else(|fault| {
            tracing::warn!(build.id = %id, error = %fault, cause = ?std::error::Error::source(&fault), "the catalog was asked for a build in vain");
            None
        })
    }

    /// A page of builds, newest first.
    pub async fn builds(
        &self,
        caller: &Caller,
        image: Option<ImageId>,
        page: &Page,
    ) -> Result<Vec<Build>, Fault> {
        self.store.builds(caller.require_user()?.id, image, page).await
    }

    /// For the event log, which shows everything.
    pub async fn require_platform_reader(&self, caller: &Caller) -> Result<(), Fault> {
        self.authorizer
            .check(caller, ObjectQuery::Platform, Role::Reader)
            .await?
            .require(Role::Reader, "the platform", Reason::RoleMissing)
            .map(|_| ())
    }

    /// Cancels; once more changes nothing.
    pub async fn cancel(&self, caller: &Caller, id: BuildId) -> Result<Build, Fault> {
        let build = self.build(caller, id, Role::Reader).await?;
        let object = ObjectQuery::Id(ObjectKind::Image, build.request.image.into());
        self.authorizer.check(caller, object, Role::Writer).await?.require(
            Role::Writer,
            &format!("build {id}"),
            Reason::BuildNotFound,
        )?;
        match self.store.arrow(id, Guard::Anybody, &Arrow::plain(Event::Cancel)).await? {
            Ok(build) => Ok(build),
            Err(refused) if refused.state == State::Cancelled => {
                Ok(build_now(&self.store, id).await?)
            }
            Err(refused) => {
                let message = format!(
                    "build {id} is {}; only a queued, preparing or building one can be cancelled",
                    refused.state
                );
                Err(Fault::new(Reason::BuildPastCancel, message).metadata("state", refused.state))
            }
        }
    }
}

async fn build_now(store: &Store, id: BuildId) -> Result<Build, Fault> {
    store.build(id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: BuildId) -> Fault {
    Fault::new(Reason::BuildNotFound, format!("there is no build {id}, or none that you may see"))
        .metadata("build", id)
}

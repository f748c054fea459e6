//! Builds for users: read, list, watch and cancel.

use std::{error::Error as _, time::Duration};

use slipway_authz::{
    check::ObjectQuery,
    object::ObjectKind,
    projection::state::{access_stale, contact_age},
    role::Role,
};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{BuildId, ImageId},
    unit::Sequence,
};
use slipway_request::page::Page;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, stream_access::StreamAccess},
    domain::{
        build::{Build, Request, State},
        transition::{Guard, Refused, Transition},
    },
    store::transition::AdvanceError,
};

const POLL_INTERVAL: Duration = Duration::from_millis(100);

impl App {
    /// The build, if the caller has the role on its image; without its references when the grants
    /// are too old to hand them out.
    ///
    /// # Errors
    /// `BUILD_NOT_FOUND` for an absent or invisible build, `ROLE_MISSING` for a visible one,
    /// `ACCESS_STALE`, `DATABASE_UNAVAILABLE`, and the reasons of [`Caller::require_user`].
    pub async fn build(&self, caller: &Caller, id: BuildId, role: Role) -> Result<Build, Fault> {
        let may_show_references = self.require_fresh_access().await?;
        let build = self.find_build(caller, id, role).await?;

        if may_show_references { Ok(build) } else { Ok(build.without_references()) }
    }

    /// Returns whether the grants are young enough to hand out references.
    ///
    /// # Errors
    /// `ACCESS_STALE` when they are too old to read anything.
    async fn require_fresh_access(&self) -> Result<bool, Fault> {
        let age = contact_age(self.store.database()).await?;

        if age <= self.max_ages.reads {
            Ok(age <= self.max_ages.references)
        } else {
            Err(access_stale())
        }
    }

    /// A build whose request has not arrived yet is fetched from the catalog.
    async fn find_build(&self, caller: &Caller, id: BuildId, role: Role) -> Result<Build, Fault> {
        let user = caller.require_user()?.id;
        if let Some(build) = self.store.build_visible_to(id, user, role).await? {
            return Ok(build);
        }

        if let Some(request) = self.fetch_request(id).await
            && self.store.build(id).await?.is_none()
        {
            self.store.enqueue(&request).await?;
        }
        // The request may also have arrived by message in the meantime.
        if let Some(build) = self.store.build_visible_to(id, user, role).await? {
            return Ok(build);
        }

        let is_visible = role > Role::Reader
            && self.store.build_visible_to(id, user, Role::Reader).await?.is_some();
        Err(if is_visible { role_missing(id, role) } else { not_found(id) })
    }

    /// Asks the catalog for a request. A failed call counts as an absent request.
    ///
    /// The call is made for every build that the caller may not see. So neither the duration nor
    /// the status of the answer reveals whether an invisible build exists.
    async fn fetch_request(&self, id: BuildId) -> Option<Request> {
        match self.requests.request(id).await {
            Ok(request) => request,
            Err(fault) => {
                tracing::warn!(
                    build.id = %id,
                    error = %fault,
                    cause = ?fault.source(),
                    "could not fetch the request of a build from the catalog"
                );
                None
            }
        }
    }

    /// A page of the builds that the caller may see, newest first.
    ///
    /// # Errors
    /// `PAGE_TOKEN_INVALID`, `ACCESS_STALE`, `DATABASE_UNAVAILABLE`, and the reasons of
    /// [`Caller::require_user`].
    pub async fn builds(
        &self,
        caller: &Caller,
        image: Option<ImageId>,
        page: &Page,
    ) -> Result<Vec<Build>, Fault> {
        let user = caller.require_user()?.id;
        let may_show_references = self.require_fresh_access().await?;

        let builds = self.store.builds(user, image, page.key()?, page.limit()).await?;
        if may_show_references {
            return Ok(builds);
        }
        Ok(builds.into_iter().map(Build::without_references).collect())
    }

    /// Watches a build. `stop` ends the watch when the replica shuts down.
    ///
    /// # Errors
    /// The reasons of [`App::build`] for a caller who is not a READER of the image.
    pub async fn watch_build(
        &self,
        caller: Caller,
        id: BuildId,
        stop: CancellationToken,
    ) -> Result<BuildWatch, Fault> {
        self.build(&caller, id, Role::Reader).await?;

        let access = StreamAccess { app: self.clone(), caller, id, role: Role::Reader, stop };
        Ok(BuildWatch { access, last_sequence: Sequence::ZERO, is_ended: false })
    }

    /// Cancels a build. Returns a build that is already cancelled unchanged.
    ///
    /// # Errors
    /// `BUILD_NOT_FOUND`, `ROLE_MISSING`, `BUILD_PAST_CANCEL` for a build that is pushing or has
    /// ended, `PERMISSION_UNAVAILABLE`, `DATABASE_UNAVAILABLE`.
    pub async fn cancel(&self, caller: &Caller, id: BuildId) -> Result<Build, Fault> {
        let build = self.build(caller, id, Role::Reader).await?;

        let object = ObjectQuery::Id(ObjectKind::Image, build.request.image.into());
        self.authorizer.check(caller, object, Role::Writer).await?.require(
            Role::Writer,
            &format!("build {id}"),
            Reason::BuildNotFound,
        )?;

        let refused = match self.store.advance(id, Guard::AnyAttempt, &Transition::Cancel).await {
            Ok(build) => return Ok(build),
            Err(AdvanceError::Store(error)) => return Err(error.into()),
            Err(AdvanceError::Refused(refused)) => refused,
        };
        match refused {
            Refused::NotAllowed { state: State::Cancelled, .. } => {
                self.store.build(id).await?.ok_or_else(|| not_found(id))
            }
            Refused::NotAllowed { state, .. } => Err(past_cancel(id, state)),
            Refused::NoBuild => Err(not_found(id)),
            Refused::OtherAttempt { .. } | Refused::LeaseRenewed => Err(Fault::internal(refused)),
        }
    }
}

/// A build that is being watched.
pub struct BuildWatch {
    access: StreamAccess,
    /// The sequence of the build that was returned last.
    last_sequence: Sequence,
    is_ended: bool,
}

impl BuildWatch {
    /// The current build at first, then the build after each change; `None` after a terminal state.
    /// Access is checked at every poll. Nothing follows a fault.
    ///
    /// # Errors
    /// `SHUTTING_DOWN`, `TOKEN_EXPIRED`, and the reasons of [`App::build`] when access was revoked.
    pub async fn next(&mut self) -> Option<Result<Build, Fault>> {
        while !self.is_ended {
            let build = match self.access.check().await {
                Ok(build) => build,
                Err(fault) => {
                    self.is_ended = true;
                    return Some(Err(fault));
                }
            };

            if build.sequence > self.last_sequence {
                self.last_sequence = build.sequence;
                self.is_ended = build.state.is_terminal();
                return Some(Ok(build));
            }

            tokio::time::sleep(POLL_INTERVAL).await;
        }

        None
    }
}

fn not_found(id: BuildId) -> Fault {
    let message = format!("There is no build {id}, or you may not see it.");
    Fault::new(Reason::BuildNotFound, message).metadata("build", id)
}

fn role_missing(id: BuildId, role: Role) -> Fault {
    let message = format!(
        "You can see build {id}, but you do not have the role {role} on its image. Ask one of its \
         managers."
    );
    Fault::new(Reason::RoleMissing, message).metadata("role", role)
}

fn past_cancel(id: BuildId, state: State) -> Fault {
    let message = format!(
        "Build {id} is {state} and cannot be cancelled. Only queued, preparing and building builds \
         can be."
    );
    Fault::new(Reason::BuildPastCancel, message).metadata("state", state)
}

//! Access to a build while a stream is open.

use std::time::SystemTime;

use slipway_authz::role::Role;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::id::BuildId;
use tokio_util::sync::CancellationToken;

use crate::{app::App, domain::build::Build};

/// The access that an open stream needs. It can end at any time.
pub(super) struct StreamAccess {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) id: BuildId,
    pub(super) role: Role,
    /// Cancelled when the replica shuts down.
    pub(super) stop: CancellationToken,
}

impl StreamAccess {
    /// Returns the build if the stream may continue: the replica is not shutting down, the caller's
    /// token has not expired, and the caller still has the role.
    ///
    /// # Errors
    /// `SHUTTING_DOWN`, `TOKEN_EXPIRED`, and the reasons of [`App::build`].
    pub(super) async fn check(&self) -> Result<Build, Fault> {
        if self.stop.is_cancelled() {
            return Err(Fault::new(
                Reason::ShuttingDown,
                "This replica is stopping. Repeat the call, with the last cursor if there is one; \
                 another replica answers.",
            ));
        }
        self.caller.require_unexpired(SystemTime::now())?;

        self.app.build(&self.caller, self.id, self.role).await
    }
}

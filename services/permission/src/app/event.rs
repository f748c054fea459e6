//! Events: who may watch all of them.

use std::time::SystemTime;

use slipway_authz::role::Role;
use slipway_fault::Fault;
use slipway_identity::Caller;

use crate::app::App;

impl App {
    /// Checks access to the event log, which contains all events. Streams are checked again while
    /// they run, so a token that has expired ends them.
    ///
    /// # Errors
    /// `ROLE_MISSING`, `TOKEN_EXPIRED`.
    pub async fn require_platform_reader(&self, caller: &Caller) -> Result<(), Fault> {
        caller.require_unexpired(SystemTime::now())?;

        self.require_platform(caller, Role::Reader).await?;
        Ok(())
    }
}

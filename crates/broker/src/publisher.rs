//! The connection that a service publishes over. All publishers wait for the same connection
//! attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use lapin::options::ConfirmSelectOptions;

use crate::{
    BrokerError,
    connection::{AmqpSession, with_timeout},
};

type Connecting = Shared<BoxFuture<'static, Result<Arc<AmqpSession>, BrokerError>>>;

/// Connects at the first use, and again after [`Publisher::discard`].
pub(crate) struct Publisher {
    service: &'static str,
    url: String,
    attempt: Mutex<Option<Connecting>>,
}

impl Publisher {
    pub(crate) fn new(service: &'static str, url: String) -> Self {
        Self { service, url, attempt: Mutex::new(None) }
    }

    /// A session whose channel confirms. The lock is not held during the wait.
    pub(crate) async fn session(&self) -> Result<Arc<AmqpSession>, BrokerError> {
        let attempt = self.attempt();
        attempt.await
    }

    /// Drops a session that failed, unless it was already replaced.
    pub(crate) fn discard(&self, failed: &Arc<AmqpSession>) {
        let mut current = self.lock_attempt();

        let session =
            current.as_ref().and_then(Shared::peek).and_then(|outcome| outcome.as_ref().ok());
        if session.is_some_and(|session| Arc::ptr_eq(session, failed)) {
            *current = None;
        }
    }

    fn attempt(&self) -> Connecting {
        let mut current = self.lock_attempt();
        if let Some(attempt) = current.as_ref().filter(|attempt| is_usable(attempt)) {
            return attempt.clone();
        }

        // Runs in its own task: when one caller gives up, such as a health probe, the other callers
        // still wait for it.
        let connecting = tokio::spawn(connect(self.service, self.url.clone()));
        let attempt = connecting
            .map(|joined| joined.unwrap_or_else(|error| Err(BrokerError(error.to_string()))))
            .boxed()
            .shared();

        *current = Some(attempt.clone());
        attempt
    }

    fn lock_attempt(&self) -> MutexGuard<'_, Option<Connecting>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempt is in progress, or its connection is not known to be lost.
fn is_usable(attempt: &Connecting) -> bool {
    attempt
        .peek()
        .is_none_or(|outcome| outcome.as_ref().is_ok_and(|session| session.is_connected()))
}

async fn connect(service: &'static str, url: String) -> Result<Arc<AmqpSession>, BrokerError> {
    let session = AmqpSession::connect(service, &url).await?;

    let confirm_select = session.channel.confirm_select(ConfirmSelectOptions::default());
    with_timeout("confirm.select", confirm_select).await?;

    Ok(Arc::new(session))
}

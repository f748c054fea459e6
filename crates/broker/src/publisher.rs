//! The connection that a service publishes over. There is one attempt at a time, and everybody waits for the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use lapin::options::ConfirmSelectOptions;

use crate::{
    PublishError,
    connection::{Open, in_time},
};

type Attempt = Shared<BoxFuture<'static, Result<Arc<Open>, PublishError>>>;

/// Connects when it is used, and again after [`Publisher::forget`].
pub(crate) struct Publisher {
    service: &'static str,
    url: String,
    attempt: Mutex<Option<Attempt>>,
}

impl Publisher {
    pub(crate) fn new(service: &'static str, url: String) -> Self {
        Self { service, url, attempt: Mutex::new(None) }
    }

    /// A connection whose channel confirms. Nobody who waits here holds a lock.
    pub(crate) async fn open(&self) -> Result<Arc<Open>, PublishError> {
        let attempt = self.attempt();
        attempt.await
    }

    /// Drops a connection that failed, unless another one has taken its place.
    pub(crate) fn forget(&self, failed: &Arc<Open>) {
        let mut current = self.current();
        let outcome = current.as_ref().and_then(Shared::peek);
        if outcome
            .is_some_and(|outcome| outcome.as_ref().is_ok_and(|open| Arc::ptr_eq(open, failed)))
        {
            *current = None;
        }
    }

    fn attempt(&self) -> Attempt {
        let mut current = self.current();
        if let Some(attempt) = current.as_ref().filter(|attempt| is_usable(attempt)) {
            return attempt.clone();
        }
        // A task of its own: a caller that gives up, such as a probe of health, must not undo what others wait for.
        let connecting = tokio::spawn(connect(self.service, self.url.clone()));
        let attempt = connecting
            .map(|joined| joined.unwrap_or_else(|error| Err(PublishError(error.to_string()))))
            .boxed()
            .shared();
        *current = Some(attempt.clone());
        attempt
    }

    fn current(&self) -> MutexGuard<'_, Option<Attempt>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Under way, or not lost yet as far as is known.
fn is_usable(attempt: &Attempt) -> bool {
    attempt.peek().is_none_or(|outcome| outcome.as_ref().is_ok_and(|open| open.is_connected()))
}

async fn connect(service: &'static str, url: String) -> Result<Arc<Open>, PublishError> {
    let open = Open::connect(service, &url).await?;
    in_time("confirm.select", open.channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(Arc::new(open))
}

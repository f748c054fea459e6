//! Limits on concurrent calls: of the whole process, of each user, and of reflection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Limits;

const MAX_REFLECTION_STREAMS: usize = 32;

/// Counts running calls. A stream counts as one call while it is open.
pub(crate) struct ConcurrencyLimits {
    calls: Arc<Semaphore>,
    reflection_streams: Arc<Semaphore>,
    calls_by_user: Mutex<HashMap<UserId, usize>>,
    max_calls: usize,
    max_calls_per_user: usize,
}

/// The right to run one call. Dropping it frees the capacity.
pub(crate) struct Permit {
    _of_process: OwnedSemaphorePermit,
    _of_user: Option<UserPermit>,
}

struct UserPermit {
    limits: Arc<ConcurrencyLimits>,
    user: UserId,
}

impl ConcurrencyLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(limits.calls.min(Semaphore::MAX_PERMITS))),
            reflection_streams: Arc::new(Semaphore::new(MAX_REFLECTION_STREAMS)),
            calls_by_user: Mutex::default(),
            max_calls: limits.calls,
            max_calls_per_user: limits.calls_per_caller,
        }
    }

    /// A permit for one call; `user` is `None` for calls that count for the process only.
    ///
    /// # Errors
    /// `TOO_MANY_CALLS`
    pub(crate) fn acquire(self: &Arc<Self>, user: Option<UserId>) -> Result<Permit, Fault> {
        let of_user = user.map(|user| self.acquire_for_user(user)).transpose()?;
        let of_process =
            self.calls.clone().try_acquire_owned().map_err(|_| self.too_many_calls_of_process())?;

        Ok(Permit { _of_process: of_process, _of_user: of_user })
    }

    /// A permit for a reflection stream. These calls have no token, so they have a limit of their
    /// own and cannot use up the capacity of authenticated calls.
    ///
    /// # Errors
    /// `TOO_MANY_CALLS`
    pub(crate) fn acquire_for_reflection(&self) -> Result<Permit, Fault> {
        let of_process = self
            .reflection_streams
            .clone()
            .try_acquire_owned()
            .map_err(|_| too_many_reflection_streams())?;

        Ok(Permit { _of_process: of_process, _of_user: None })
    }

    fn acquire_for_user(self: &Arc<Self>, user: UserId) -> Result<UserPermit, Fault> {
        let mut calls_by_user = self.lock_calls_by_user();
        let calls = calls_by_user.entry(user).or_default();

        if *calls >= self.max_calls_per_user {
            return Err(self.too_many_calls_of_user(*calls));
        }
        *calls += 1;

        Ok(UserPermit { limits: self.clone(), user })
    }

    fn lock_calls_by_user(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.calls_by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn too_many_calls_of_process(&self) -> Fault {
        let limit = self.max_calls;
        let message =
            format!("This replica already runs {limit} calls, the maximum. Try again in a moment.");

        Fault::new(Reason::TooManyCalls, message).metadata("limit", limit).metadata("of", "process")
    }

    fn too_many_calls_of_user(&self, calls: usize) -> Fault {
        let message = format!(
            "You already have {calls} calls and streams open, the maximum for one caller. \
             End some of them, or try again when one has ended."
        );

        Fault::new(Reason::TooManyCalls, message)
            .metadata("limit", self.max_calls_per_user)
            .metadata("of", "caller")
    }
}

impl Drop for UserPermit {
    fn drop(&mut self) {
        let mut calls_by_user = self.limits.lock_calls_by_user();

        if let Some(calls) = calls_by_user.get_mut(&self.user) {
            *calls -= 1;
            if *calls == 0 {
                calls_by_user.remove(&self.user);
            }
        }
    }
}

fn too_many_reflection_streams() -> Fault {
    let message = format!(
        "This replica already serves {MAX_REFLECTION_STREAMS} reflection streams, the maximum. \
         Try again in a moment."
    );

    Fault::new(Reason::TooManyCalls, message)
        .metadata("limit", MAX_REFLECTION_STREAMS)
        .metadata("of", "process")
}

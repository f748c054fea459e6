//! The transitions of a build. A pure function maps a state and a transition to the next state.
//!
//! ```text
//!            claim            base ready         installed (gate)      pushed
//!  QUEUED ──────────▶ PREPARING ─────▶ BUILDING ─────────────▶ PUSHING ─────▶ SUCCEEDED
//!    │ ▲                 │  │             │  │                    │
//!    │ └─ platform fault ┴──│─────────────┴──│────────────────────┘  (3rd counted: FAILED)
//!    │                      └──── cancel ────┴──▶ CANCELLING ── stopped ──▶ CANCELLED
//!    ├─ cancel ─▶ CANCELLED                     user fault ──▶ FAILED     timeout ──▶ TIMED_OUT
//!    └─ timeout ▶ EXPIRED
//! ```
//!
//! From PREPARING, BUILDING and PUSHING, a user fault leads to FAILED and a timeout to TIMED_OUT;
//! from CANCELLING every end leads to CANCELLED. The worker owns the transitions from claim to
//! pushed, the faults, the timeout of an attempt, and stopped. Users own cancel. The reconciler
//! owns lease lost and the timeout of a queued build.

use std::time::Duration;

use slipway_names::{id::WorkerId, unit::Micros};
use strum::{IntoStaticStr, VariantArray as _};

use crate::domain::{
    attempt::AttemptNumber,
    build::{Build, Pushed, ResolvedBase, State},
    failure::{Failure, FailureClass, FailureReason},
    step::Step,
};

/// Attempts that count before a platform fault ends the build as FAILED.
pub const MAX_ATTEMPTS: i32 = 3;

const FIRST_RETRY_DELAY: Duration = Duration::from_secs(10);
const LATER_RETRY_DELAY: Duration = Duration::from_secs(60);

/// The attempt that a transition applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Only this attempt: for its worker, and for the reconciler that has examined it.
    Attempt(AttemptNumber),
    /// The current attempt, whatever its number: for users.
    AnyAttempt,
}

/// A change of a build's state, with the data that it records.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Transition {
    /// A worker takes the build and begins an attempt.
    Claim(WorkerId),
    /// The base is resolved and pulled.
    BaseReady(ResolvedBase),
    /// The packages are installed and the image is committed. This is the gate: after it, a cancel
    /// is refused.
    Installed,
    /// The image is in the registry.
    Pushed(Pushed),
    /// The spec cannot be built, or exceeded a resource limit. Not retried.
    UserFault(Failure),
    /// The builder, or a system that it depends on, failed. Retried.
    PlatformFault {
        /// What failed.
        failure: Failure,
        /// Whether the attempt counts towards [`MAX_ATTEMPTS`].
        counts: bool,
    },
    /// The worker has not renewed its lease in time. Retried.
    LeaseLost {
        /// What failed.
        failure: Failure,
        /// Whether the attempt counts towards [`MAX_ATTEMPTS`].
        counts: bool,
    },
    /// A user requests a cancel.
    Cancel,
    /// The worker has stopped an attempt whose cancel was requested.
    Stopped,
    /// The build exceeded a time limit.
    Timeout(Failure),
}

/// Why a transition was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The state table does not allow the transition.
    #[error("a build in state {state} does not allow the transition {transition}")]
    NotAllowed {
        /// The current state of the build.
        state: State,
        /// The refused transition, see [`Transition::name`].
        transition: &'static str,
    },
    /// The guard names an attempt that is not the build's current one.
    #[error(
        "the transition is for an attempt that is not current; the build is at attempt {current}"
    )]
    OtherAttempt {
        /// The build's current attempt.
        current: AttemptNumber,
    },
    /// The lease that was reported lost has been renewed.
    #[error("the worker has renewed its lease")]
    LeaseRenewed,
    /// There is no such build.
    #[error("there is no such build")]
    NoBuild,
}

impl Transition {
    /// The transition that ends an attempt with this failure. The attempt counts.
    pub fn from_failure(failure: Failure) -> Self {
        let is_timeout = matches!(
            failure.reason,
            FailureReason::TimeExceeded | FailureReason::IdleTooLong | FailureReason::QueuedTooLong
        );
        if is_timeout {
            return Self::Timeout(failure);
        }

        match failure.reason.class() {
            FailureClass::Platform => Self::PlatformFault { failure, counts: true },
            FailureClass::User | FailureClass::Limit => Self::UserFault(failure),
        }
    }

    /// The name of the transition, for logs.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Whether the transition leads from any state to this one. Not for faults: their next state
    /// depends on the number of attempts.
    pub fn leads_to(&self, state: State) -> bool {
        State::VARIANTS.iter().any(|from| next(*from, self, 0) == Ok(state))
    }

    /// The failure that the transition records.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::UserFault(failure)
            | Self::PlatformFault { failure, .. }
            | Self::LeaseLost { failure, .. }
            | Self::Timeout(failure) => Some(failure),
            Self::Claim(_)
            | Self::BaseReady(_)
            | Self::Installed
            | Self::Pushed(_)
            | Self::Cancel
            | Self::Stopped => None,
        }
    }

    /// The build after the transition, without the number of its event; an unchanged build if its
    /// state stays the same, as after a second cancel.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`].
    pub fn apply(&self, build: &Build, now: Micros) -> Result<Build, Refused> {
        let state = next(build.state, self, build.counted_attempts)?;
        let mut build = build.clone();
        if state == build.state {
            return Ok(build);
        }

        build.state = state;
        build.counted_attempts = self.counted_attempts_after(build.counted_attempts);
        build.failure = self.failure().map(|failure| failure.clone().in_step(build.step));
        if let Some(failure) = &build.failure {
            build.step = failure.step;
        }
        if state.is_terminal() {
            build.end_time = Some(now);
        }

        match self {
            Self::Claim(_) => {
                build.attempt = build.attempt.next();
                build.step = Some(Step::Resolve);
                build.start_time = Some(now);
            }
            Self::BaseReady(base) => build.base = Some(base.clone()),
            Self::Pushed(pushed) => build.pushed = Some(pushed.clone()),
            Self::Installed
            | Self::UserFault(_)
            | Self::PlatformFault { .. }
            | Self::LeaseLost { .. }
            | Self::Cancel
            | Self::Stopped
            | Self::Timeout(_) => {}
        }
        Ok(build)
    }

    /// The time that a build waits after this transition has returned it to the queue;
    /// `counted_attempts` is the number after the transition. A platform fault usually lasts, so an
    /// immediate retry would fail too.
    pub fn retry_delay(&self, counted_attempts: i32) -> Duration {
        if self.is_uncounted() {
            Duration::ZERO
        } else if counted_attempts <= 1 {
            FIRST_RETRY_DELAY
        } else {
            LATER_RETRY_DELAY
        }
    }

    /// The number of counted attempts after the transition. The claim counts its attempt; an end
    /// that does not count takes that back.
    fn counted_attempts_after(&self, before: i32) -> i32 {
        if matches!(self, Self::Claim(_)) {
            before + 1
        } else if self.is_uncounted() {
            before - 1
        } else {
            before
        }
    }

    fn is_uncounted(&self) -> bool {
        matches!(
            self,
            Self::PlatformFault { counts: false, .. } | Self::LeaseLost { counts: false, .. }
        )
    }
}

/// The state after the transition. `counted_attempts` includes the attempt that is running.
///
/// # Errors
/// [`Refused::NotAllowed`].
fn next(state: State, transition: &Transition, counted_attempts: i32) -> Result<State, Refused> {
    let retry = if transition.counted_attempts_after(counted_attempts) < MAX_ATTEMPTS {
        State::Queued
    } else {
        State::Failed
    };

    let next = match (state, transition) {
        (State::Queued, Transition::Claim(_)) => State::Preparing,
        (State::Queued, Transition::Cancel) => State::Cancelled,
        (State::Queued, Transition::Timeout(_)) => State::Expired,

        (State::Preparing, Transition::BaseReady(_)) => State::Building,
        (State::Building, Transition::Installed) => State::Pushing,
        (State::Pushing, Transition::Pushed(_)) => State::Succeeded,

        (State::Preparing | State::Building | State::Pushing, Transition::UserFault(_)) => {
            State::Failed
        }
        (
            State::Preparing | State::Building | State::Pushing,
            Transition::PlatformFault { .. } | Transition::LeaseLost { .. },
        ) => retry,
        (State::Preparing | State::Building | State::Pushing, Transition::Timeout(_)) => {
            State::TimedOut
        }

        (State::Preparing | State::Building | State::Cancelling, Transition::Cancel) => {
            State::Cancelling
        }
        (
            State::Cancelling,
            Transition::Stopped
            | Transition::UserFault(_)
            | Transition::PlatformFault { .. }
            | Transition::LeaseLost { .. }
            | Transition::Timeout(_),
        ) => State::Cancelled,

        _ => return Err(Refused::NotAllowed { state, transition: transition.name() }),
    };

    Ok(next)
}

#[cfg(test)]
mod tests {
    use slipway_names::{digest::Digest, platform::Platform, unit::ByteCount};
    use strum::VariantArray as _;

    use super::*;

    /// A row is a state, a column a transition in the order of `transitions`, a cell the next
    /// state. `.` is refused; `retry` is QUEUED, and FAILED at the third attempt.
    const TABLE: &str = "
        queued      preparing . . . . . . cancelled . expired
        preparing   . building . . failed retry retry cancelling . timed_out
        building    . . pushing . failed retry retry cancelling . timed_out
        pushing     . . . succeeded failed retry retry . . timed_out
        cancelling  . . . . cancelled cancelled cancelled cancelling cancelled cancelled
        succeeded   . . . . . . . . . .
        failed      . . . . . . . . . .
        cancelled   . . . . . . . . . .
        timed_out   . . . . . . . . . .
        expired     . . . . . . . . . .";

    /// One of each transition, in the order of the table's columns.
    fn transitions() -> [Transition; 10] {
        let failure = Failure::new(FailureReason::ExecutorFailed, Step::Apt, "it failed");
        let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();

        [
            Transition::Claim(WorkerId::new()),
            Transition::BaseReady(ResolvedBase {
                digest: digest.clone(),
                containerfile: String::new(),
            }),
            Transition::Installed,
            Transition::Pushed(Pushed {
                reference: "repository:r1-1".to_owned(),
                digest,
                platform: Platform::linux_amd64(),
                size: ByteCount::ZERO,
            }),
            Transition::UserFault(failure.clone()),
            Transition::PlatformFault { failure: failure.clone(), counts: true },
            Transition::LeaseLost { failure: failure.clone(), counts: true },
            Transition::Cancel,
            Transition::Stopped,
            Transition::Timeout(failure),
        ]
    }

    fn check(state: State, transition: &Transition, attempt: i32, cell: &str) {
        let want = match cell {
            "." => Err(Refused::NotAllowed { state, transition: transition.name() }),
            "retry" if attempt < 3 => Ok(State::Queued),
            "retry" => Ok(State::Failed),
            word => Ok(word.parse().unwrap()),
        };

        let name = transition.name();
        assert_eq!(next(state, transition, attempt), want, "{state} {name} attempt {attempt}");
    }

    #[test]
    fn every_cell_of_the_state_table() {
        let transitions = transitions();
        let mut cells = 0;

        for row in TABLE.trim().lines() {
            let mut words = row.split_whitespace();
            let state: State = words.next().unwrap().parse().unwrap();

            for transition in &transitions {
                let cell = words.next().unwrap();
                for attempt in 1..=3 {
                    check(state, transition, attempt, cell);
                }
                cells += 1;
            }
            assert_eq!(words.next(), None, "{state}: a column too many");
        }

        assert_eq!(cells, State::VARIANTS.len() * transitions.len());
    }
}

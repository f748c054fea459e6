//! The state table of a build.
//!
//! ```text
//!            claim            base ready         installed (gate)      pushed
//!  QUEUED ──────────▶ PREPARING ─────▶ BUILDING ─────────────▶ PUSHING ─────▶ SUCCEEDED
//!    │ ▲                 │  │             │  │                    │
//!    │ └─ platform fault ┴──│─────────────┴──│────────────────────┘  (FAILED at attempt 3)
//!    │                      └──── cancel ────┴──▶ CANCELLING ──▶ CANCELLED
//!    ├─ cancel ─▶ CANCELLED                     user fault ──▶ FAILED     timeout ──▶ TIMED_OUT
//!    └─ timeout ▶ EXPIRED
//! ```
//! The worker owns claim to pushed and the faults; people own cancel; the reconciler owns lease lost and timeout.

use std::{fmt, str::FromStr};

/// Attempts in all.
pub const MAX_ATTEMPTS: i32 = 3;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Where a build is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum State {$($(#[$doc])* $name,)*}

        impl State {
            /// All, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As stored, and as the last part of event types.
            pub fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text,)*}
            }
        }
    };
}

states! {
    /// Waits for a worker.
    Queued = "queued",
    /// The base is resolved and pulled.
    Preparing = "preparing",
    /// Packages are installed.
    Building = "building",
    /// Past the gate: the image is pushed.
    Pushing = "pushing",
    /// A cancel was asked for; the worker stops.
    Cancelling = "cancelling",
    /// Pushed and recorded.
    Succeeded = "succeeded",
    /// Will not be tried again.
    Failed = "failed",
    /// Cancelled; nothing was published.
    Cancelled = "cancelled",
    /// Ran out of its time.
    TimedOut = "timed_out",
    /// Waited too long.
    Expired = "expired",
}

impl State {
    /// Never moves again.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Expired
        )
    }

    /// A worker holds it.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Preparing | Self::Building | Self::Pushing | Self::Cancelling)
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no state of a build"))
    }
}

/// What moves a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A worker takes it.
    Claim,
    /// The base is here.
    BaseReady,
    /// The image is made.
    Installed,
    /// The image is in the registry.
    Pushed,
    /// The spec cannot work.
    UserFault,
    /// Something of ours or around us failed.
    PlatformFault,
    /// The worker was not heard of.
    LeaseLost,
    /// Somebody does not want it any more.
    Cancel,
    /// Out of time.
    Timeout,
}

impl Event {
    /// All, in the order of the table.
    pub const ALL: &[Self] = &[
        Self::Claim,
        Self::BaseReady,
        Self::Installed,
        Self::Pushed,
        Self::UserFault,
        Self::PlatformFault,
        Self::LeaseLost,
        Self::Cancel,
        Self::Timeout,
    ];
}

/// The table has no such arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {state} build does not take {event:?}")]
pub struct Refused {
    /// Where the build is.
    pub state: State,
    /// What was asked.
    pub event: Event,
}

/// Where the event leads. `attempt` is how many attempts count, with the one that ends.
pub fn next(state: State, event: Event, attempt: i32) -> Result<State, Refused> {
    let again = if attempt < MAX_ATTEMPTS { State::Queued } else { State::Failed };
    match (state, event) {
        (State::Queued, Event::Claim) => Ok(State::Preparing),
        (State::Queued, Event::Cancel) => Ok(State::Cancelled),
        (State::Queued, Event::Timeout) => Ok(State::Expired),
        (State::Preparing, Event::BaseReady) => Ok(State::Building),
        (State::Building, Event::Installed) => Ok(State::Pushing),
        (State::Pushing, Event::Pushed) => Ok(State::Succeeded),
        (State::Preparing | State::Building | State::Pushing, Event::UserFault) => {
            Ok(State::Failed)
        }
        (
            State::Preparing | State::Building | State::Pushing,
            Event::PlatformFault | Event::LeaseLost,
        ) => Ok(again),
        (State::Preparing | State::Building | State::Pushing, Event::Timeout) => {
            Ok(State::TimedOut)
        }
        (State::Preparing | State::Building | State::Cancelling, Event::Cancel) => {
            Ok(State::Cancelling)
        }
        (
            State::Cancelling,
            Event::UserFault | Event::PlatformFault | Event::LeaseLost | Event::Timeout,
        ) => Ok(State::Cancelled),
        (state, event) => Err(Refused { state, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the design, cell by cell; `.` is refused, `q` is QUEUED or FAILED at the third attempt.
    const TABLE: &str = "
        queued      preparing . . . . . . cancelled expired
        preparing   . building . . failed q q cancelling timed_out
        building    . . pushing . failed q q cancelling timed_out
        pushing     . . . succeeded failed q q . timed_out
        cancelling  . . . . cancelled cancelled cancelled cancelling cancelled
        succeeded   . . . . . . . . .
        failed      . . . . . . . . .
        cancelled   . . . . . . . . .
        timed_out   . . . . . . . . .
        expired     . . . . . . . . .";

    #[test]
    fn every_cell() {
        let mut cells = 0;
        for row in TABLE.trim().lines() {
            let mut words = row.split_whitespace();
            let state: State = words.next().unwrap().parse().unwrap();
            for event in Event::ALL {
                let cell = words.next().unwrap();
                for attempt in 1..=3 {
                    let want = match cell {
                        "." => Err(Refused { state, event: *event }),
                        "q" if attempt < 3 => Ok(State::Queued),
                        "q" => Ok(State::Failed),
                        word => Ok(word.parse().unwrap()),
                    };
                    assert_eq!(
                        next(state, *event, attempt),
                        want,
                        "{state} {event:?} attempt {attempt}"
                    );
                }
                cells += 1;
            }
        }
        assert_eq!(cells, State::ALL.len() * Event::ALL.len());
    }
}

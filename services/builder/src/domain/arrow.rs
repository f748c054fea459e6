//! One arrow of the state table with what it records, and what it makes of a build.

use crate::domain::{
    build::{Build, Pushed},
    failure::Failure,
    state::{Event, State},
};

/// Whose write this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// For this attempt alone: its worker, or who looked at it.
    Attempt(i32),
    /// Whatever the attempt: people.
    Anybody,
}

/// What happened, with what is to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrow {
    /// The event of the state table.
    pub event: Event,
    /// With user, platform and limit faults.
    pub failure: Option<Failure>,
    /// With `BaseReady`: digest and Containerfile.
    pub base: Option<(String, String)>,
    /// With `Pushed`.
    pub pushed: Option<Pushed>,
    /// Whether the attempt that ends does not count.
    pub refunded: bool,
}

impl Arrow {
    /// Nothing to record but the state.
    pub fn plain(event: Event) -> Self {
        Self { event, failure: None, base: None, pushed: None, refunded: false }
    }

    /// With why.
    pub fn failed(event: Event, failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::plain(event) }
    }

    /// The build after the arrow has led to `state`, at `now` in microseconds since the Unix epoch.
    pub fn apply(&self, mut build: Build, state: State, now: i64) -> Build {
        build.state = state;
        build.sequence += 1;
        build.charged -= i32::from(self.refunded);
        build.failure = self.failure.clone().map(|failure| failure.in_step(&build.step));
        if let Some((digest, containerfile)) = &self.base {
            build.base_digest.clone_from(digest);
            build.containerfile.clone_from(containerfile);
        }
        if let Some(pushed) = &self.pushed {
            build.pushed = Some(pushed.clone());
        }
        if let Some(failure) = &build.failure {
            build.step.clone_from(&failure.step);
        }
        if state.is_terminal() {
            build.end_time = Some(now);
        }
        build
    }
}

/// How long a build waits after an attempt that counts, in microseconds: what failed a moment ago fails at once again.
pub fn pause_before_retry(charged: i32) -> i64 {
    const SECOND: i64 = 1_000_000;
    match charged {
        ..=0 => 0,
        1 => 10 * SECOND,
        _ => 60 * SECOND,
    }
}

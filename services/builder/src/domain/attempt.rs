//! The numbers of attempts, and the time for which an attempt holds its build.

use std::{fmt, time::Duration};

/// A worker that has not renewed its lease for this long loses the build.
pub const ATTEMPT_LEASE_TTL: Duration = Duration::from_secs(60);

/// The number of an attempt of one build, counted from 1. It only grows, also for attempts that do
/// not count towards the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptNumber(pub i32);

impl AttemptNumber {
    /// Before the first claim.
    pub const NONE: Self = Self(0);

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

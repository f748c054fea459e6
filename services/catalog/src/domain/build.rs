//! A revision's build as the catalog knows it, from the builder's events.
//!
//! The builder may be newer than this service. A word of its own that is not known here must not
//! stop an event: it becomes [`BuildState::Unknown`], or is kept as it is.

use std::{convert::Infallible, fmt, str::FromStr};

use slipway_names::{id::BuildId, unit::Sequence};
use strum::{Display, IntoStaticStr, VariantArray};

use crate::domain::{artifact::Artifact, spec::Spec};

/// The state of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum BuildState {
    Queued,
    Preparing,
    Building,
    Pushing,
    Cancelling,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
    Expired,
    /// A state of a newer builder. The build has not ended.
    Unknown,
}

impl FromStr for BuildState {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        let known = Self::VARIANTS.iter().find(|state| <&str>::from(*state) == word);
        Ok(known.copied().unwrap_or(Self::Unknown))
    }
}

/// A step of a build, in the builder's word: `apt`, `pip`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStep(String);

impl BuildStep {
    /// `None` for an empty text.
    pub fn parse(word: &str) -> Option<Self> {
        if word.is_empty() { None } else { Some(Self(word.to_owned())) }
    }
}

impl FromStr for BuildStep {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self(word.to_owned()))
    }
}

impl fmt::Display for BuildStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
#[strum(serialize_all = "snake_case")]
pub enum FailureClass {
    /// The author of the spec.
    User,
    /// The author of the spec: the build exceeded a limit.
    Limit,
    /// The operators of Slipway. Also the class of a failure whose class is not known here.
    Platform,
}

impl FromStr for FailureClass {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(match word {
            "user" => Self::User,
            "limit" => Self::Limit,
            _ => Self::Platform,
        })
    }
}

/// A failure as reported by the builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFailure {
    pub class: FailureClass,
    /// One of the builder's reasons, such as `APT_FAILED`; empty for a reason that is not known
    /// here.
    pub reason: String,
    /// The step that failed.
    pub step: Option<BuildStep>,
    /// Shown to people.
    pub message: String,
}

/// The last known state of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildProgress {
    pub state: BuildState,
    /// The step within the state.
    pub step: Option<BuildStep>,
    /// Of the builder's last event.
    pub sequence: Sequence,
    /// Set when the build failed, and while it waits for the retry of a failed attempt.
    pub failure: Option<BuildFailure>,
}

impl BuildProgress {
    /// Of a build that was requested and has no event yet.
    pub const REQUESTED: Self =
        Self { state: BuildState::Queued, step: None, sequence: Sequence::ZERO, failure: None };
}

/// The build of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    pub id: BuildId,
    pub spec: Spec,
    pub progress: BuildProgress,
}

/// The end of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildOutcome {
    /// The image was pushed.
    Succeeded(Artifact),
    /// The build failed, timed out or expired. It is not retried automatically.
    Failed,
    /// A user cancelled the build.
    Cancelled,
}

/// One change of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildUpdate {
    pub build: BuildId,
    pub progress: BuildProgress,
    /// Set when the build has ended.
    pub outcome: Option<BuildOutcome>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_parse_back_and_unknown_words_are_accepted() {
        for state in BuildState::VARIANTS {
            assert_eq!(state.to_string().parse(), Ok(*state));
        }
        assert_eq!("verifying".parse(), Ok(BuildState::Unknown));

        for class in [FailureClass::User, FailureClass::Limit, FailureClass::Platform] {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert_eq!("quota".parse(), Ok(FailureClass::Platform));
    }
}

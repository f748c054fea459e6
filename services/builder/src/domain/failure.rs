//! Failures of builds: a class, a reason from a closed list, a step and a message for the user.

use std::fmt;

use slipway_names::text::hidden_kind;
use strum::{Display, EnumString, VariantArray};

use crate::domain::step::Step;

/// Longest message of a failure, in characters.
const MAX_MESSAGE_CHARACTERS: usize = 1_000;
/// Longest part of a step's output that a message quotes, in characters.
const MAX_QUOTE_CHARACTERS: usize = 500;

/// Output of apt-get and pip when they cannot reach an index.
const UNREACHABLE_MARKS: &[&str] = &[
    "Temporary failure resolving",
    "Could not resolve",
    "Could not connect to",
    "Connection failed",
    "NewConnectionError",
    "ConnectTimeoutError",
    "Name or service not known",
];
const DISK_FULL_MARK: &str = "No space left on device";

/// Output and exit code of `pip.sh` when the base has no Python.
const PYTHON_MISSING_MARK: &str = "SLIPWAY: The base image has no Python";
const PYTHON_MISSING_EXIT_CODE: i32 = 41;

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The author of the spec. Not retried.
    User,
    /// The operators of Slipway. Retried.
    Platform,
    /// The author of the spec, or the operators who set the limit. Not retried.
    Limit,
}

/// The reason of a failure. `proto/slipway/builder/v1/failure.proto` says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureReason {
    BaseMissing,
    BaseDenied,
    BaseMissingOrDenied,
    BaseRefused,
    BasePlatform,
    SpecRefused,
    AptFailed,
    PipFailed,
    PythonMissing,
    RegistryUnreachable,
    MirrorUnreachable,
    DiskFull,
    ExecutorFailed,
    PushFailed,
    WorkerLost,
    TimeExceeded,
    IdleTooLong,
    QueuedTooLong,
    MemoryExceeded,
    ProcessesExceeded,
    DiskExceeded,
    SizeExceeded,
    LayersExceeded,
}

impl FailureReason {
    /// The class of the reason.
    pub fn class(self) -> FailureClass {
        match self {
            Self::BaseMissing
            | Self::BaseDenied
            | Self::BaseMissingOrDenied
            | Self::BaseRefused
            | Self::BasePlatform
            | Self::SpecRefused
            | Self::AptFailed
            | Self::PipFailed
            | Self::PythonMissing => FailureClass::User,
            Self::RegistryUnreachable
            | Self::MirrorUnreachable
            | Self::DiskFull
            | Self::ExecutorFailed
            | Self::PushFailed
            | Self::WorkerLost => FailureClass::Platform,
            Self::TimeExceeded
            | Self::IdleTooLong
            | Self::QueuedTooLong
            | Self::MemoryExceeded
            | Self::ProcessesExceeded
            | Self::DiskExceeded
            | Self::SizeExceeded
            | Self::LayersExceeded => FailureClass::Limit,
        }
    }
}

/// Why a build or one of its attempts failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub reason: FailureReason,
    /// `None` for the step that the build is in.
    pub step: Option<Step>,
    /// What happened and what to do next, for the user.
    pub message: String,
}

impl Failure {
    /// Creates a failure of a step, or of the step that the build is in.
    ///
    /// The message may quote output of a step. Characters that a terminal or a database would
    /// interpret are removed from it.
    pub fn new(
        reason: FailureReason,
        step: impl Into<Option<Step>>,
        message: impl Into<String>,
    ) -> Self {
        let message = message
            .into()
            .chars()
            .filter(|character| hidden_kind(*character).is_none())
            .take(MAX_MESSAGE_CHARACTERS)
            .collect();

        Self { reason, step: step.into(), message }
    }

    /// Sets the step, unless the failure already has one.
    #[must_use]
    pub fn in_step(self, step: Option<Step>) -> Self {
        Self { step: self.step.or(step), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.reason)?;
        if let Some(step) = self.step {
            write!(formatter, " in step {step}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// The failure that the last lines of a step's output, `tail`, describe.
///
/// A step can forge its output. At worst, a user fault passes for a platform fault, and the build
/// is retried.
pub fn classify(step: Step, exit_code: Option<i32>, tail: &str) -> Failure {
    if tail.contains(DISK_FULL_MARK) {
        return Failure::new(
            FailureReason::DiskFull,
            step,
            "The disk of the builder is full. Slipway tries a build at most three times; \
             if it fails again, ask the operators to free space.",
        );
    }

    let quote = quote_error(tail);
    let is_unreachable = UNREACHABLE_MARKS.iter().any(|mark| tail.contains(mark));
    let is_python_missing =
        exit_code == Some(PYTHON_MISSING_EXIT_CODE) || tail.contains(PYTHON_MISSING_MARK);

    match step {
        Step::Apt | Step::Pip if is_unreachable => Failure::new(
            FailureReason::MirrorUnreachable,
            step,
            format!("A package index cannot be reached: {quote}"),
        ),
        Step::Apt => Failure::new(FailureReason::AptFailed, step, quote),
        Step::Pip if is_python_missing => Failure::new(FailureReason::PythonMissing, step, quote),
        Step::Pip => Failure::new(FailureReason::PipFailed, step, quote),
        Step::Resolve | Step::Pull | Step::Commit | Step::Push => {
            Failure::new(FailureReason::ExecutorFailed, step, quote)
        }
    }
}

/// The line of the output that explains the failure best.
fn quote_error(tail: &str) -> String {
    // `apt-get satisfy` prints the explanation above its final, general error.
    let unmet_dependency = tail.lines().find_map(|line| {
        line.split_once("satisfy:command-line : Depends: ").map(|(_, package)| package)
    });
    let last_error = tail.lines().rev().find(|line| {
        line.starts_with("E: ") || line.starts_with("ERROR: ") || line.starts_with("SLIPWAY: ")
    });
    let last_line = tail.lines().rev().find(|line| !line.trim().is_empty());

    let line = unmet_dependency
        .or(last_error)
        .or(last_line)
        .unwrap_or("The step failed without any output.");

    line.chars().take(MAX_QUOTE_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: Step, tail: &str, want: FailureReason) {
        assert_eq!(classify(step, Some(100), tail).reason, want, "{tail}");
    }

    #[test]
    fn output_of_a_step_decides_the_reason() {
        let unreachable = "W: x\nErr: Temporary failure resolving 'mirror.example'";
        let full = "dpkg: error: No space left on device";
        check(Step::Apt, "E: Unable to locate package nope\n", FailureReason::AptFailed);
        check(Step::Apt, unreachable, FailureReason::MirrorUnreachable);
        check(Step::Apt, full, FailureReason::DiskFull);

        let missing = "ERROR: No matching distribution found for nope";
        check(Step::Pip, missing, FailureReason::PipFailed);
        check(Step::Pip, "SLIPWAY: The base image has no Python.", FailureReason::PythonMissing);

        check(Step::Commit, "Error: committing", FailureReason::ExecutorFailed);
    }

    #[test]
    fn message_quotes_the_line_that_explains_the_failure() {
        let unmet = " satisfy:command-line : Depends: nope but it is not installable\n\
                     E: Unable to correct problems, you have held broken packages.";
        assert_eq!(classify(Step::Apt, Some(100), unmet).message, "nope but it is not installable");

        let missing = "x\nE: Unable to locate package nope\nError: building";
        assert_eq!(classify(Step::Apt, None, missing).message, "E: Unable to locate package nope");
    }

    #[test]
    fn python_missing_mark_is_printed_by_the_script() {
        assert!(include_str!("pip.sh").contains(PYTHON_MISSING_MARK));
    }
}

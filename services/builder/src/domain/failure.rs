//! Why builds fail: who has to act, a reason from a closed list, the step, and a sentence.

use std::{fmt, str::FromStr};

use crate::domain::state::Event;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// Whoever wrote the spec.
    User,
    /// Whoever runs Slipway; tried again.
    Platform,
    /// The build ran into a limit.
    Limit,
}

macro_rules! reasons {
    ($($name:ident $class:ident $text:literal $doc:literal,)*) => {
        /// The closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FailureReason {$(#[doc = $doc] $name,)*}

        impl FailureReason {
            /// All.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Who has to act.
            pub fn class(self) -> FailureClass {
                match self {$(Self::$name => FailureClass::$class,)*}
            }

            /// As it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text,)*}
            }
        }
    };
}

reasons! {
    BaseMissing User "BASE_MISSING" "The registry has no such base.",
    BaseDenied User "BASE_DENIED" "The registry denied the base, or the requester may not read it.",
    BaseMissingOrDenied User "BASE_MISSING_OR_DENIED" "The registry hides which.",
    BaseRefused User "BASE_REFUSED" "ONBUILD triggers, a malformed USER or config.",
    BasePlatform User "BASE_PLATFORM" "The base has no image for the builder's platform.",
    SpecRefused User "SPEC_REFUSED" "A line of the spec is outside its grammar.",
    AptFailed User "APT_FAILED" "apt-get could not install what was asked for.",
    PipFailed User "PIP_FAILED" "pip could not install what was asked for.",
    PythonMissing User "PYTHON_MISSING" "pip lines, but no Python in the base.",
    RegistryUnreachable Platform "REGISTRY_UNREACHABLE" "The registry of the base or of the result does not answer.",
    MirrorUnreachable Platform "MIRROR_UNREACHABLE" "A package index does not answer.",
    DiskFull Platform "DISK_FULL" "The builder has no space left.",
    ExecutorFailed Platform "EXECUTOR_FAILED" "buildah failed outside the user's steps.",
    PushFailed Platform "PUSH_FAILED" "The registry did not take the image.",
    WorkerLost Platform "WORKER_LOST" "The worker was not heard of for longer than its lease.",
    TimeExceeded Limit "TIME_EXCEEDED" "The build took longer than it may.",
    IdleTooLong Limit "IDLE_TOO_LONG" "The build printed nothing for longer than it may.",
    QueuedTooLong Limit "QUEUED_TOO_LONG" "No worker took the build in time.",
    MemoryExceeded Limit "MEMORY_EXCEEDED" "The build needed more memory than it may.",
    ProcessesExceeded Limit "PROCESSES_EXCEEDED" "The build needed more processes at once than it may.",
    DiskExceeded Limit "DISK_EXCEEDED" "The build filled more disk than it may.",
    SizeExceeded Limit "SIZE_EXCEEDED" "The image is larger than it may be.",
    LayersExceeded Limit "LAYERS_EXCEEDED" "The image would have more layers than it may.",
}

impl From<FailureReason> for Event {
    fn from(reason: FailureReason) -> Self {
        match (reason.class(), reason) {
            (
                FailureClass::Limit,
                FailureReason::TimeExceeded
                | FailureReason::IdleTooLong
                | FailureReason::QueuedTooLong,
            ) => Self::Timeout,
            (FailureClass::Platform, _) => Self::PlatformFault,
            (FailureClass::User | FailureClass::Limit, _) => Self::UserFault,
        }
    }
}

impl FromStr for FailureReason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no reason"))
    }
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// From the closed list.
    pub reason: FailureReason,
    /// resolve, pull, apt, pip, commit or push.
    pub step: String,
    /// What happened and what to do; shown to the user.
    pub message: String,
}

impl Failure {
    /// A failure of a step. What a step printed may stand in the message, so nothing of it is left that a terminal or a database
    /// would take for more than text.
    pub fn new(reason: FailureReason, step: &str, message: impl Into<String>) -> Self {
        let is_shown = |character: &char| {
            !character.is_control()
                && !('\u{200b}'..='\u{200f}').contains(character)
                && !('\u{202a}'..='\u{202e}').contains(character)
        };
        let message = message.into().chars().filter(is_shown).take(1_000).collect();
        Self { reason, step: step.to_owned(), message }
    }
}

impl Failure {
    /// In that step, unless it names its own.
    #[must_use]
    pub fn in_step(mut self, step: &str) -> Self {
        if self.step.is_empty() {
            step.clone_into(&mut self.step);
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in step {}: {}", self.reason.as_str(), self.step, self.message)
    }
}

/// What a failed step's last lines mean. The step's own words decide only between the user's fault and the network's.
pub fn classify(step: &str, exit_code: Option<i32>, tail: &str) -> Failure {
    let has = |signs: &[&str]| signs.iter().any(|sign| tail.contains(sign));
    // apt-get satisfy explains itself above its last word.
    let unmet = tail.lines().find_map(|line| {
        line.split_once("satisfy:command-line : Depends: ").map(|(_, package)| package)
    });
    let error = tail.lines().rev().find(|line| {
        line.starts_with("E: ") || line.starts_with("ERROR: ") || line.starts_with("SLIPWAY: ")
    });
    let last = tail.lines().rev().find(|line| !line.trim().is_empty());
    let said = unmet.or(error).or(last).unwrap_or("no output");
    let said: String = said.chars().take(500).collect();
    let unreachable = [
        "Temporary failure resolving",
        "Could not resolve",
        "Could not connect to",
        "Connection failed",
        "NewConnectionError",
        "ConnectTimeoutError",
        "Name or service not known",
    ];
    if has(&["No space left on device"]) {
        return Failure::new(
            FailureReason::DiskFull,
            step,
            "the builder ran out of disk; it tries again when there is space",
        );
    }
    match step {
        "apt" | "pip" if has(&unreachable) => Failure::new(
            FailureReason::MirrorUnreachable,
            step,
            format!("a package index cannot be reached: {said}"),
        ),
        "apt" => Failure::new(FailureReason::AptFailed, step, said),
        "pip" if exit_code == Some(41) || has(&["SLIPWAY: there is no Python"]) => {
            Failure::new(FailureReason::PythonMissing, step, said)
        }
        "pip" => Failure::new(FailureReason::PipFailed, step, said),
        _ => Failure::new(FailureReason::ExecutorFailed, step, said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let check = |step: &str, tail: &str, want: FailureReason| {
            assert_eq!(classify(step, Some(100), tail).reason, want, "{tail}")
        };
        check("apt", "E: Unable to locate package nope\n", FailureReason::AptFailed);
        check(
            "apt",
            "W: x\nErr: Temporary failure resolving 'mirror.example'",
            FailureReason::MirrorUnreachable,
        );
        check("pip", "ERROR: No matching distribution found for nope", FailureReason::PipFailed);
        check("pip", "SLIPWAY: there is no Python in the base", FailureReason::PythonMissing);
        check("apt", "dpkg: error: No space left on device", FailureReason::DiskFull);
        check("commit", "Error: committing", FailureReason::ExecutorFailed);
        let unmet = " satisfy:command-line : Depends: nope but it is not installable\nE: Unable to correct problems, you have held broken packages.";
        assert_eq!(classify("apt", Some(100), unmet).message, "nope but it is not installable");
        assert_eq!(
            classify("apt", None, "x\nE: Unable to locate package nope\nError: building").message,
            "E: Unable to locate package nope"
        );
    }
}

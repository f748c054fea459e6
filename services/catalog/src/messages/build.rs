//! The state of a revision's build: from the builder's events, and to callers.

use serde_json::Value;
use slipway_fault::Fault;
use slipway_names::unit::Sequence;
use slipway_request::field::Field;
use slipway_wire::{
    builder::v1::{self as wire, BuildState as WireState, FailureClass as WireClass},
    event::v1::BuildStateChanged,
};

use crate::domain::{
    artifact::Artifact,
    build::{
        BuildFailure, BuildOutcome, BuildProgress, BuildState, BuildStep, BuildUpdate, FailureClass,
    },
};

/// Parses the data of an event `builder.build.*` with this number.
pub(crate) fn update_from_wire(data: &Value, sequence: Sequence) -> Result<BuildUpdate, Fault> {
    let message: BuildStateChanged = serde_json::from_value(data.clone()).map_err(|error| {
        Fault::field("data", format!("is not a valid BuildStateChanged: {error}"))
    })?;
    let build = Field("build_id").parse(&message.build_id)?;

    let state = state_from_wire(message.state());
    let outcome = outcome(state, &message)?;
    let progress = BuildProgress {
        state,
        step: BuildStep::parse(&message.step),
        sequence,
        failure: message.failure.map(|failure| failure_from_wire(failure, data)),
    };

    Ok(BuildUpdate { build, progress, outcome })
}

/// `None` while the build has not ended.
fn outcome(state: BuildState, message: &BuildStateChanged) -> Result<Option<BuildOutcome>, Fault> {
    Ok(match state {
        BuildState::Succeeded => Some(BuildOutcome::Succeeded(artifact(message)?)),
        BuildState::Failed | BuildState::TimedOut | BuildState::Expired => {
            Some(BuildOutcome::Failed)
        }
        BuildState::Cancelled => Some(BuildOutcome::Cancelled),
        _ => None,
    })
}

fn artifact(message: &BuildStateChanged) -> Result<Artifact, Fault> {
    let size = Field("size_bytes").convert(message.size_bytes)?;

    Ok(Artifact {
        reference: message.reference.clone(),
        digest: message.digest.clone(),
        platforms: vec![message.platform.clone()],
        size,
    })
}

fn state_from_wire(state: WireState) -> BuildState {
    match state {
        WireState::Unspecified => BuildState::Unknown,
        WireState::Queued => BuildState::Queued,
        WireState::Preparing => BuildState::Preparing,
        WireState::Building => BuildState::Building,
        WireState::Pushing => BuildState::Pushing,
        WireState::Cancelling => BuildState::Cancelling,
        WireState::Succeeded => BuildState::Succeeded,
        WireState::Failed => BuildState::Failed,
        WireState::Cancelled => BuildState::Cancelled,
        WireState::TimedOut => BuildState::TimedOut,
        WireState::Expired => BuildState::Expired,
    }
}

/// `data` has the word of a reason that is newer than this version.
fn failure_from_wire(failure: wire::BuildFailure, data: &Value) -> BuildFailure {
    let class = match failure.failure_class() {
        WireClass::User => FailureClass::User,
        WireClass::Limit => FailureClass::Limit,
        WireClass::Platform | WireClass::Unspecified => FailureClass::Platform,
    };

    BuildFailure {
        class,
        reason: reason_word(data).to_owned(),
        step: BuildStep::parse(&failure.step),
        message: failure.message,
    }
}

/// The reason without its prefix, such as `APT_FAILED`.
fn reason_word(data: &Value) -> &str {
    let word = data.pointer("/failure/reason").and_then(Value::as_str).unwrap_or_default();
    word.trim_start_matches("FAILURE_REASON_")
}

pub(crate) fn state_to_wire(state: BuildState) -> WireState {
    match state {
        BuildState::Unknown => WireState::Unspecified,
        BuildState::Queued => WireState::Queued,
        BuildState::Preparing => WireState::Preparing,
        BuildState::Building => WireState::Building,
        BuildState::Pushing => WireState::Pushing,
        BuildState::Cancelling => WireState::Cancelling,
        BuildState::Succeeded => WireState::Succeeded,
        BuildState::Failed => WireState::Failed,
        BuildState::Cancelled => WireState::Cancelled,
        BuildState::TimedOut => WireState::TimedOut,
        BuildState::Expired => WireState::Expired,
    }
}

/// The empty text without a step.
pub(crate) fn step_to_wire(step: Option<&BuildStep>) -> String {
    step.map(ToString::to_string).unwrap_or_default()
}

pub(crate) fn failure_to_wire(failure: &BuildFailure) -> wire::BuildFailure {
    let class = match failure.class {
        FailureClass::User => WireClass::User,
        FailureClass::Limit => WireClass::Limit,
        FailureClass::Platform => WireClass::Platform,
    };
    let reason = wire::FailureReason::from_str_name(&format!("FAILURE_REASON_{}", failure.reason));

    // The reason of a newer builder has no value here, so the message names it.
    let message = if reason.is_some() || failure.reason.is_empty() {
        failure.message.clone()
    } else {
        format!("{}: {}", failure.reason, failure.message)
    };

    wire::BuildFailure {
        failure_class: class.into(),
        reason: reason.unwrap_or_default().into(),
        step: step_to_wire(failure.step.as_ref()),
        message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use slipway_names::id::BuildId;
    use strum::VariantArray as _;

    use super::*;

    fn update(data: &Value) -> BuildUpdate {
        update_from_wire(data, Sequence::try_from(3).unwrap()).unwrap()
    }

    fn event(state: &str) -> Value {
        json!({ "buildId": BuildId::new().to_string(), "state": state, "step": "apt" })
    }

    fn check_reason(word: &str, want: &str) {
        let mut data = event("BUILD_STATE_FAILED");
        data["failure"] = json!({ "failureClass": "FAILURE_CLASS_USER", "reason": word });

        let update = update(&data);

        assert_eq!(update.outcome, Some(BuildOutcome::Failed));
        let failure = update.progress.failure.unwrap();
        assert_eq!((failure.class, failure.reason.as_str()), (FailureClass::User, want));
    }

    #[test]
    fn reason_of_a_newer_builder_is_kept() {
        check_reason("FAILURE_REASON_APT_FAILED", "APT_FAILED");
        check_reason("FAILURE_REASON_OF_A_LATER_VERSION", "OF_A_LATER_VERSION");
    }

    #[test]
    fn state_of_a_newer_builder_does_not_end_the_build() {
        let update = update(&event("BUILD_STATE_OF_A_LATER_VERSION"));

        assert_eq!((update.progress.state, update.outcome), (BuildState::Unknown, None));
        assert_eq!(update.progress.step, BuildStep::parse("apt"));
    }

    #[test]
    fn field_of_a_newer_builder_is_ignored() {
        let mut data = event("BUILD_STATE_BUILDING");
        data["fieldOfALaterVersion"] = json!({ "deep": [1] });

        assert_eq!(update(&data).progress.state, BuildState::Building);
    }

    #[test]
    fn class_of_a_newer_builder_is_for_the_operators() {
        let mut data = event("BUILD_STATE_FAILED");
        data["failure"] = json!({ "failureClass": "FAILURE_CLASS_OF_A_LATER_VERSION" });

        let failure = update(&data).progress.failure.unwrap();
        assert_eq!(failure.class, FailureClass::Platform);
    }

    #[test]
    fn every_state_converts_to_the_wire_and_back() {
        for state in BuildState::VARIANTS {
            assert_eq!(state_from_wire(state_to_wire(*state)), *state);
        }
    }

    fn check_failure(reason: &str, want: wire::FailureReason, message: &str) {
        let failure = failure_to_wire(&BuildFailure {
            class: FailureClass::User,
            reason: reason.to_owned(),
            step: BuildStep::parse("apt"),
            message: "no jq".to_owned(),
        });
        assert_eq!((failure.reason(), failure.message.as_str()), (want, message));
    }

    #[test]
    fn reason_of_a_newer_builder_is_named_in_the_message() {
        check_failure("APT_FAILED", wire::FailureReason::AptFailed, "no jq");
        check_failure("NEW_REASON", wire::FailureReason::Unspecified, "NEW_REASON: no jq");
    }
}

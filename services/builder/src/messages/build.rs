//! Builds on the wire, and the event of a change.

use std::time::Duration;

use chrono::{DateTime, Utc};
use slipway_names::unit::Micros;
use slipway_wire::{builder::v1 as wire, event::v1::BuildStateChanged};

use crate::domain::{
    attempt::AttemptNumber,
    build::{Build, State},
    spec::Spec,
    step::Step,
};

impl From<Build> for wire::Build {
    fn from(build: Build) -> Self {
        let request = build.request;
        let (base_digest, containerfile) = build
            .base
            .map(|base| (base.digest.to_string(), base.containerfile))
            .unwrap_or_default();
        let (reference, digest) = build
            .pushed
            .map(|pushed| (pushed.reference, pushed.digest.to_string()))
            .unwrap_or_default();

        Self {
            id: request.id.to_string(),
            image_id: request.image.to_string(),
            image_name: request.image_name,
            revision: request.revision,
            requester: request.requester.to_string(),
            state: wire::BuildState::from(build.state).into(),
            attempt: build.attempt.0,
            step: step_to_wire(build.step),
            spec: Some(request.spec.into()),
            failure: build.failure.map(Into::into),
            base_digest,
            reference,
            digest,
            containerfile,
            create_time: Some(DateTime::<Utc>::from(build.create_time).into()),
            start_time: build.start_time.map(|time| DateTime::<Utc>::from(time).into()),
            end_time: build.end_time.map(|time| DateTime::<Utc>::from(time).into()),
            sequence: build.sequence.get(),
        }
    }
}

impl From<Spec> for wire::BuildSpec {
    fn from(spec: Spec) -> Self {
        Self {
            base_reference: spec.base_reference,
            gpu_base_reference: String::new(),
            apt: spec.apt,
            conda: spec.conda,
            pip: spec.pip,
        }
    }
}

impl From<State> for wire::BuildState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Preparing => Self::Preparing,
            State::Building => Self::Building,
            State::Pushing => Self::Pushing,
            State::Cancelling => Self::Cancelling,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
            State::TimedOut => Self::TimedOut,
            State::Expired => Self::Expired,
        }
    }
}

/// `builder.build.<state>`. A build that is queued again is `requeued`.
pub(crate) fn event_type(build: &Build) -> String {
    if build.state == State::Queued && build.attempt != AttemptNumber::NONE {
        return "builder.build.requeued".to_owned();
    }

    format!("builder.build.{}", build.state)
}

/// The data of the event of the build's change at the time `now`.
pub(crate) fn state_changed(build: &Build, now: Micros) -> BuildStateChanged {
    let request = &build.request;
    let pushed = build.pushed.as_ref();
    let start_time = build.start_time.unwrap_or(now);

    BuildStateChanged {
        build_id: request.id.to_string(),
        image_id: request.image.to_string(),
        image_name: request.image_name.clone(),
        revision: request.revision,
        requester: request.requester.to_string(),
        state: wire::BuildState::from(build.state).into(),
        attempt: build.attempt.0,
        step: step_to_wire(build.step),
        failure: build.failure.clone().map(Into::into),
        reference: pushed.map(|pushed| pushed.reference.clone()).unwrap_or_default(),
        digest: pushed.map(|pushed| pushed.digest.to_string()).unwrap_or_default(),
        platform: pushed.map(|pushed| pushed.platform.to_string()).unwrap_or_default(),
        size_bytes: pushed.map(|pushed| pushed.size.get()).unwrap_or_default(),
        queue_ms: milliseconds(start_time.since(request.request_time)),
        run_ms: milliseconds(now.since(start_time)),
    }
}

/// Empty before the first claim.
fn step_to_wire(step: Option<Step>) -> String {
    step.map(|step| step.to_string()).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

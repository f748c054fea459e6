//! What happened to a build, as wire messages.

mod catalog;

use sea_orm::DatabaseTransaction;
use slipway_database::from_micros;
use slipway_fault::Fault;
use slipway_outbox::{Event, append};
use slipway_wire::{builder::v1 as wire, event::v1::BuildStateChanged};

pub(crate) use catalog::CatalogClient;

use crate::domain::{
    build::Build,
    failure::{Failure, FailureClass},
    state::State,
};

/// The event of the build's last change. Back in the queue is told as `requeued`.
pub(crate) async fn append_state_changed(
    transaction: &DatabaseTransaction,
    build: &Build,
    now: i64,
) -> Result<(), Fault> {
    let word = match build.state {
        State::Queued if build.attempt > 0 => "requeued",
        state => state.as_str(),
    };
    let request = &build.request;
    let pushed = build.pushed.as_ref();
    let milliseconds = |from: i64, to: i64| (to - from).max(0) / 1_000;
    let message = BuildStateChanged {
        build_id: request.id.to_string(),
        image_id: request.image.to_string(),
        image_name: request.image_name.clone(),
        revision: request.revision,
        requester: request.requester.to_string(),
        state: state_to_wire(build.state).into(),
        attempt: build.attempt,
        step: build.step.clone(),
        failure: build.failure.as_ref().map(failure_to_wire),
        reference: pushed.map(|pushed| pushed.reference.clone()).unwrap_or_default(),
        digest: pushed.map(|pushed| pushed.digest.clone()).unwrap_or_default(),
        platform: pushed.map(|pushed| pushed.platform.clone()).unwrap_or_default(),
        size_bytes: pushed.map(|pushed| pushed.size_bytes).unwrap_or_default(),
        queue_ms: milliseconds(request.request_time, build.start_time.unwrap_or(now)),
        run_ms: build.start_time.map(|start| milliseconds(start, now)).unwrap_or_default(),
    };
    let data = serde_json::to_value(message).map_err(Fault::internal)?;
    append(
        transaction,
        Event {
            kind: format!("builder.build.{word}"),
            subject: request.id.to_string(),
            sequence: build.sequence,
            time: now,
            data,
        },
    )
    .await
}

pub(crate) fn state_to_wire(state: State) -> wire::BuildState {
    match state {
        State::Queued => wire::BuildState::Queued,
        State::Preparing => wire::BuildState::Preparing,
        State::Building => wire::BuildState::Building,
        State::Pushing => wire::BuildState::Pushing,
        State::Cancelling => wire::BuildState::Cancelling,
        State::Succeeded => wire::BuildState::Succeeded,
        State::Failed => wire::BuildState::Failed,
        State::Cancelled => wire::BuildState::Cancelled,
        State::TimedOut => wire::BuildState::TimedOut,
        State::Expired => wire::BuildState::Expired,
    }
}

pub(crate) fn failure_to_wire(failure: &Failure) -> wire::BuildFailure {
    let failure_class = match failure.reason.class() {
        FailureClass::User => wire::FailureClass::User,
        FailureClass::Platform => wire::FailureClass::Platform,
        FailureClass::Limit => wire::FailureClass::Limit,
    };
    wire::BuildFailure {
        failure_class: failure_class.into(),
        reason: failure.reason.as_str().to_owned(),
        step: failure.step.clone(),
        message: failure.message.clone(),
    }
}

pub(crate) fn build_to_wire(build: Build) -> wire::Build {
    let request = build.request;
    wire::Build {
        id: request.id.to_string(),
        image_id: request.image.to_string(),
        image_name: request.image_name,
        revision: request.revision,
        requester: request.requester.to_string(),
        state: state_to_wire(build.state).into(),
        attempt: build.attempt,
        step: build.step,
        spec: Some(wire::BuildSpec {
            base_reference: request.spec.base_reference,
            gpu_base_reference: String::new(),
            apt: request.spec.apt,
            conda: request.spec.conda,
            pip: request.spec.pip,
        }),
        failure: build.failure.as_ref().map(failure_to_wire),
        base_digest: build.base_digest,
        reference: build.pushed.as_ref().map(|pushed| pushed.reference.clone()).unwrap_or_default(),
        digest: build.pushed.map(|pushed| pushed.digest).unwrap_or_default(),
        containerfile: build.containerfile,
        create_time: Some(from_micros(build.create_time).into()),
        start_time: build.start_time.map(|time| from_micros(time).into()),
        end_time: build.end_time.map(|time| from_micros(time).into()),
        sequence: build.sequence,
    }
}

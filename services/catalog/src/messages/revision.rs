//! Revisions, and the events `catalog.revision.*`.

use chrono::{DateTime, Utc};
use slipway_fault::Fault;
use slipway_names::revision::RevisionNumber;
use slipway_wire::{catalog::v1 as wire, event::v1::RevisionChanged};

use crate::{
    domain::{
        image::Image,
        revision::{Revision, RevisionEvent, RevisionState},
    },
    messages::{artifact, build, spec},
};

/// The type of the event.
pub(crate) fn event_type(event: RevisionEvent) -> String {
    format!("catalog.revision.{event}")
}

pub(crate) fn to_event(image: &Image, revision: &Revision) -> RevisionChanged {
    let digest = revision.artifact.as_ref().map(|artifact| artifact.digest.clone());

    RevisionChanged {
        image_id: image.id.to_string(),
        image_name: image.qualified_name(),
        revision: revision.number.get(),
        state: state_to_wire(revision.state).into(),
        build_id: build_id(revision),
        digest: digest.unwrap_or_default(),
    }
}

/// `None` for 0, which stands for a default. `default` says which one.
///
/// # Errors
/// `FIELD_INVALID` for a negative number.
pub(crate) fn number_from_wire(
    number: i32,
    default: &str,
) -> Result<Option<RevisionNumber>, Fault> {
    if number == 0 {
        return Ok(None);
    }
    let number = RevisionNumber::try_from(number)
        .map_err(|_| Fault::field("revision", format!("is negative; give 0 for {default}")))?;
    Ok(Some(number))
}

pub(crate) fn to_wire(revision: &Revision) -> wire::Revision {
    let build = revision.build.as_ref();
    let progress = build.map(|build| &build.progress);
    let step = progress.and_then(|progress| progress.step.as_ref());
    let failure = progress.and_then(|progress| progress.failure.as_ref());

    wire::Revision {
        image_id: revision.image.to_string(),
        number: revision.number.get(),
        state: state_to_wire(revision.state).into(),
        artifact: revision.artifact.as_ref().map(artifact::to_wire),
        gpu_artifact: revision.gpu_artifact.as_ref().map(artifact::to_wire),
        spec: build.map(|build| spec::to_wire(&build.spec)),
        build_id: build_id(revision),
        build_state: progress
            .map(|progress| build::state_to_wire(progress.state))
            .unwrap_or_default()
            .into(),
        build_step: build::step_to_wire(step),
        failure: failure.map(build::failure_to_wire),
        create_time: Some(DateTime::<Utc>::from(revision.create_time).into()),
        creator: revision.creator.to_string(),
    }
}

/// The empty text for a revision without a build.
fn build_id(revision: &Revision) -> String {
    revision.build.as_ref().map(|build| build.id.to_string()).unwrap_or_default()
}

fn state_to_wire(state: RevisionState) -> wire::RevisionState {
    match state {
        RevisionState::Building => wire::RevisionState::Building,
        RevisionState::Ready => wire::RevisionState::Ready,
        RevisionState::Failed => wire::RevisionState::Failed,
        RevisionState::Cancelled => wire::RevisionState::Cancelled,
    }
}

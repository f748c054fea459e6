//! What happened to images, as wire messages, and the request of a build.

use sea_orm::DatabaseTransaction;
use slipway_database::from_micros;
use slipway_fault::Fault;
use slipway_outbox::{Event, append};
use slipway_wire::{
    builder::v1::{BuildRequested, BuildSpec},
    catalog::v1 as wire,
    event::v1::{ImageChanged, RevisionChanged},
};

use crate::domain::{
    image::{Image, ImageType},
    revision::{Revision, RevisionState},
    spec::Spec,
};

/// `catalog.image.<word>`
pub(crate) async fn image_changed(
    transaction: &DatabaseTransaction,
    image: &Image,
    word: &str,
    sequence: i64,
    now: i64,
) -> Result<(), Fault> {
    let message = ImageChanged {
        image_id: image.id.to_string(),
        image_name: image.qualified_name(),
        display_name: image.display_name.clone(),
        r#type: type_to_wire(image.kind).into(),
    };
    let data = serde_json::to_value(message).map_err(Fault::internal)?;
    append(
        transaction,
        Event {
            kind: format!("catalog.image.{word}"),
            subject: image.id.to_string(),
            sequence,
            time: now,
            data,
        },
    )
    .await
}

/// `catalog.revision.<word>`; numbered with its image's events.
pub(crate) async fn revision_changed(
    transaction: &DatabaseTransaction,
    image: &Image,
    revision: &Revision,
    word: &str,
    sequence: i64,
    now: i64,
) -> Result<(), Fault> {
    let message = RevisionChanged {
        image_id: image.id.to_string(),
        image_name: image.qualified_name(),
        revision: revision.number,
        state: revision_state_to_wire(revision.state).into(),
        build_id: revision.build.map(|build| build.to_string()).unwrap_or_default(),
        digest: revision
            .artifact
            .as_ref()
            .map(|artifact| artifact.digest.clone())
            .unwrap_or_default(),
    };
    let data = serde_json::to_value(message).map_err(Fault::internal)?;
    append(
        transaction,
        Event {
            kind: format!("catalog.revision.{word}"),
            subject: image.id.to_string(),
            sequence,
            time: now,
            data,
        },
    )
    .await
}

/// The command to the builder; its subject is the build, of which it is the only message here.
pub(crate) async fn build_requested(
    transaction: &DatabaseTransaction,
    image: &Image,
    revision: &Revision,
    repository: &str,
    now: i64,
) -> Result<(), Fault> {
    let Some(message) = build_request(image, revision, repository) else { return Ok(()) };
    let subject = message.build_id.clone();
    let data = serde_json::to_value(message).map_err(Fault::internal)?;
    append(
        transaction,
        Event { kind: "catalog.build.requested".to_owned(), subject, sequence: 1, time: now, data },
    )
    .await
}

/// `None` for revisions that nothing is built for.
pub(crate) fn build_request(
    image: &Image,
    revision: &Revision,
    repository: &str,
) -> Option<BuildRequested> {
    Some(BuildRequested {
        build_id: revision.build?.to_string(),
        image_id: image.id.to_string(),
        image_name: image.qualified_name(),
        revision: revision.number,
        requester: revision.creator.to_string(),
        spec: Some(spec_to_wire(revision.spec.as_ref()?)),
        repository: repository.to_owned(),
        request_time: Some(from_micros(revision.create_time).into()),
        access_revision: image.access_revision,
    })
}

pub(crate) fn spec_to_wire(spec: &Spec) -> BuildSpec {
    BuildSpec {
        base_reference: spec.base_reference.clone(),
        gpu_base_reference: String::new(),
        apt: spec.apt.clone(),
        conda: spec.conda.clone(),
        pip: spec.pip.clone(),
    }
}

pub(crate) fn type_to_wire(kind: ImageType) -> wire::ImageType {
    match kind {
        ImageType::Cpu => wire::ImageType::Cpu,
        ImageType::Gpu => wire::ImageType::Gpu,
        ImageType::Universal => wire::ImageType::Universal,
    }
}

pub(crate) fn revision_state_to_wire(state: RevisionState) -> wire::RevisionState {
    match state {
        RevisionState::Building => wire::RevisionState::Building,
        RevisionState::Ready => wire::RevisionState::Ready,
        RevisionState::Failed => wire::RevisionState::Failed,
        RevisionState::Cancelled => wire::RevisionState::Cancelled,
    }
}

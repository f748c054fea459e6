//! Wire words to domain words, naming the field that is wrong, and domain rows to wire messages.

use slipway_database::from_micros;
use slipway_fault::{Fault, Reason};
use slipway_wire::{builder::v1 as builder, catalog::v1 as wire};

use crate::{
    app::Source,
    domain::{
        build::BuildProgress,
        image::{Access, Image, ImageSource, ImageState, ImageType},
        resolve::Accelerator,
        revision::{Artifact, Revision},
        spec::Spec,
    },
    outbound::{revision_state_to_wire, spec_to_wire, type_to_wire},
};

/// `None` for UNSPECIFIED.
pub(super) fn image_type(value: i32) -> Result<Option<ImageType>, Fault> {
    match wire::ImageType::try_from(value) {
        Ok(wire::ImageType::Unspecified) => Ok(None),
        Ok(wire::ImageType::Cpu) => Ok(Some(ImageType::Cpu)),
        Ok(wire::ImageType::Gpu) => Ok(Some(ImageType::Gpu)),
        Ok(wire::ImageType::Universal) => Ok(Some(ImageType::Universal)),
        Err(_) => Err(Fault::field("type", "must be IMAGE_TYPE_CPU, IMAGE_TYPE_GPU or IMAGE_TYPE_UNIVERSAL")),
    }
}

/// `None` for UNSPECIFIED; CREATING is nobody's to see.
pub(super) fn image_state(value: i32) -> Result<Option<ImageState>, Fault> {
    match wire::ImageState::try_from(value) {
        Ok(wire::ImageState::Unspecified) => Ok(None),
        Ok(wire::ImageState::Building) => Ok(Some(ImageState::Building)),
        Ok(wire::ImageState::Ready) => Ok(Some(ImageState::Ready)),
        Ok(wire::ImageState::Failed) => Ok(Some(ImageState::Failed)),
        Ok(wire::ImageState::Cancelled) => Ok(Some(ImageState::Cancelled)),
        _ => Err(Fault::field("state", "must be IMAGE_STATE_BUILDING, _READY, _FAILED or _CANCELLED")),
    }
}

pub(super) fn accelerator(value: i32) -> Result<Accelerator, Fault> {
    match wire::Accelerator::try_from(value) {
        Ok(wire::Accelerator::Cpu) => Ok(Accelerator::Cpu),
        Ok(wire::Accelerator::Gpu) => Ok(Accelerator::Gpu),
        _ => Err(Fault::field("accelerator", "must be ACCELERATOR_CPU or ACCELERATOR_GPU: what the node has")),
    }
}

pub(super) fn access(access: Option<wire::ImageAccess>) -> Result<Access, Fault> {
    let access = access.unwrap_or_default();
    let user = |(index, id): (usize, &String)| id.parse().map_err(|error| Fault::field(format!("access.users[{index}]"), error));
    Ok(Access { global: access.global, groups: access.groups, users: access.users.iter().enumerate().map(user).collect::<Result<_, _>>()? })
}

pub(super) fn existing(source: wire::ExistingSource) -> Result<Source, Fault> {
    refuse_pull_secret(&source.pull_secret, "existing.pull_secret")?;
    Ok(Source::Existing { reference: source.reference, gpu_reference: source.gpu_reference, skip_verification: source.skip_verification })
}

pub(super) fn custom(source: wire::CustomSource) -> Result<Source, Fault> {
    refuse_pull_secret(&source.pull_secret, "custom.pull_secret")?;
    let spec = source.spec.ok_or_else(|| Fault::field("custom.spec", "is missing"))?;
    Ok(Source::Custom {
        spec: Spec { base_reference: spec.base_reference, apt: spec.apt, conda: spec.conda, pip: spec.pip },
        gpu_base: spec.gpu_base_reference,
    })
}

fn refuse_pull_secret(name: &str, field: &str) -> Result<(), Fault> {
    match name.is_empty() {
        true => Ok(()),
        false => {
            Err(Fault::new(Reason::PullSecretNotYetSupported, format!("{field}: pull secrets come with a later release; leave it away for now"))
                .violation(field, "must be empty for now"))
        }
    }
}

pub(super) fn image_to_wire(image: &Image, latest: Option<&Revision>) -> wire::Image {
    let state = match image.state {
        ImageState::Creating => wire::ImageState::Creating,
        ImageState::Building => wire::ImageState::Building,
        ImageState::Ready => wire::ImageState::Ready,
        ImageState::Failed => wire::ImageState::Failed,
        ImageState::Cancelled => wire::ImageState::Cancelled,
    };
    let source = match image.source {
        ImageSource::Existing => wire::ImageSource::Existing,
        ImageSource::Custom => wire::ImageSource::Custom,
    };
    let latest_build = latest.and_then(|revision| {
        revision.build.map(|build| wire::LatestBuild {
            build_id: build.to_string(),
            state: build_state(&revision.progress).into(),
            step: revision.progress.step.clone(),
            revision: revision.number,
            failure: failure(&revision.progress),
        })
    });
    wire::Image {
        id: image.id.to_string(),
        name: image.qualified_name(),
        display_name: image.display_name.clone(),
        description: image.description.clone(),
        r#type: type_to_wire(image.kind).into(),
        source: source.into(),
        owner: image.owner_name.clone(),
        state: state.into(),
        access: Some(wire::ImageAccess {
            global: image.access.global,
            groups: image.access.groups.clone(),
            users: image.access.users.iter().map(ToString::to_string).collect(),
        }),
        active_revision: image.active_revision,
        latest_revision: image.latest_revision,
        latest_build,
        etag: image.edits.to_string(),
        create_time: Some(from_micros(image.create_time).into()),
        update_time: Some(from_micros(image.update_time).into()),
        creator: image.creator.to_string(),
    }
}

pub(super) fn revision_to_wire(revision: &Revision) -> wire::Revision {
    wire::Revision {
        image_id: revision.image.to_string(),
        number: revision.number,
        state: revision_state_to_wire(revision.state).into(),
        artifact: revision.artifact.as_ref().map(artifact_to_wire),
        gpu_artifact: revision.gpu_artifact.as_ref().map(artifact_to_wire),
        spec: revision.spec.as_ref().map(spec_to_wire),
        build_id: revision.build.map(|build| build.to_string()).unwrap_or_default(),
        build_state: build_state(&revision.progress).into(),
        build_step: revision.progress.step.clone(),
        failure: failure(&revision.progress),
        create_time: Some(from_micros(revision.create_time).into()),
        creator: revision.creator.to_string(),
    }
}

fn artifact_to_wire(artifact: &Artifact) -> wire::Artifact {
    wire::Artifact {
        reference: artifact.reference.clone(),
        digest: artifact.digest.clone(),
        platforms: artifact.platforms.clone(),
        size_bytes: artifact.size_bytes,
    }
}

fn build_state(progress: &BuildProgress) -> builder::BuildState {
    builder::BuildState::from_str_name(&format!("BUILD_STATE_{}", progress.state.to_uppercase())).unwrap_or_default()
}

fn failure(progress: &BuildProgress) -> Option<builder::BuildFailure> {
    progress.failure.as_ref().map(|failure| builder::BuildFailure {
        failure_class: builder::FailureClass::from_str_name(&format!("FAILURE_CLASS_{}", failure.class.to_uppercase())).unwrap_or_default().into(),
        reason: failure.reason.clone(),
        step: failure.step.clone(),
        message: failure.message.clone(),
    })
}

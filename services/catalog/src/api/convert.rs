//! Wire words to domain words, naming the field that is wrong, and domain rows to wire messages.

use std::collections::HashSet;

use slipway_database::from_micros;
use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;
use slipway_wire::{builder::v1 as builder, catalog::v1 as wire};

use crate::{
    app::{Source, WantedAccess},
    domain::{
        build::BuildProgress,
        image::{Image, ImageSource, ImageState, ImageType},
        resolve::Accelerator,
        revision::{Artifact, Revision},
        spec::Spec,
    },
    outbound::{revision_state_to_wire, spec_to_wire, type_to_wire},
};

/// Groups and users that one image may name.
const LARGEST_ACCESS: usize = 100;

/// `None` for UNSPECIFIED.
pub(super) fn image_type(value: i32) -> Result<Option<ImageType>, Fault> {
    match wire::ImageType::try_from(value) {
        Ok(wire::ImageType::Unspecified) => Ok(None),
        Ok(wire::ImageType::Cpu) => Ok(Some(ImageType::Cpu)),
        Ok(wire::ImageType::Gpu) => Ok(Some(ImageType::Gpu)),
        Ok(wire::ImageType::Universal) => Ok(Some(ImageType::Universal)),
        Err(_) => Err(Fault::field(
            "type",
            "must be IMAGE_TYPE_CPU, IMAGE_TYPE_GPU or IMAGE_TYPE_UNIVERSAL",
        )),
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
        _ => Err(Fault::field(
            "state",
            "must be IMAGE_STATE_BUILDING, _READY, _FAILED or _CANCELLED",
        )),
    }
}

pub(super) fn accelerator(value: i32) -> Result<Accelerator, Fault> {
    match wire::Accelerator::try_from(value) {
        Ok(wire::Accelerator::Cpu) => Ok(Accelerator::Cpu),
        Ok(wire::Accelerator::Gpu) => Ok(Accelerator::Gpu),
        _ => Err(Fault::field(
            "accelerator",
            "must be ACCELERATOR_CPU or ACCELERATOR_GPU: what the node has",
        )),
    }
}

/// Users once each; groups as they were given, since only permission knows which are the same.
pub(super) fn access(access: Option<wire::ImageAccess>) -> Result<WantedAccess, Fault> {
    let access = access.unwrap_or_default();
    let too_many = |field: &str| {
        Fault::field(
            field,
            format!("goes beyond {LARGEST_ACCESS} groups and users together; make a group of them"),
        )
    };
    let groups = access.groups.iter().collect::<HashSet<_>>().len();
    if groups > LARGEST_ACCESS {
        return Err(too_many("access.groups"));
    }
    let mut users: Vec<UserId> = Vec::new();
    for (index, text) in access.users.iter().enumerate() {
        let user: UserId =
            text.parse().map_err(|error| Fault::field(format!("access.users[{index}]"), error))?;
        if users.contains(&user) {
            continue;
        }
        if groups + users.len() == LARGEST_ACCESS {
            return Err(too_many("access.users"));
        }
        users.push(user);
    }
    Ok(WantedAccess { global: access.global, groups: access.groups, users })
}

pub(super) fn existing(source: wire::ExistingSource) -> Result<Source, Fault> {
    refuse_pull_secret(&source.pull_secret, "existing.pull_secret")?;
    Ok(Source::Existing {
        reference: source.reference,
        gpu_reference: source.gpu_reference,
        skip_verification: source.skip_verification,
    })
}

pub(super) fn custom(source: wire::CustomSource) -> Result<Source, Fault> {
    refuse_pull_secret(&source.pull_secret, "custom.pull_secret")?;
    let spec = source.spec.ok_or_else(|| Fault::field("custom.spec", "is missing"))?;
    Ok(Source::Custom {
        spec: Spec {
            base_reference: spec.base_reference,
            apt: spec.apt,
            conda: spec.conda,
            pip: spec.pip,
        },
        gpu_base: spec.gpu_base_reference,
    })
}

fn refuse_pull_secret(name: &str, field: &str) -> Result<(), Fault> {
    match name.is_empty() {
        true => Ok(()),
        false => Err(Fault::new(
            Reason::PullSecretNotYetSupported,
            format!("{field}: pull secrets come with a later release; leave it away for now"),
        )
        .violation(field, "must be empty for now")),
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
            groups: image.access.groups.iter().map(|group| group.name.clone()).collect(),
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
    builder::BuildState::from_str_name(&format!("BUILD_STATE_{}", progress.state.to_uppercase()))
        .unwrap_or_default()
}

fn failure(progress: &BuildProgress) -> Option<builder::BuildFailure> {
    progress.failure.as_ref().map(|failure| builder::BuildFailure {
        failure_class: builder::FailureClass::from_str_name(&format!(
            "FAILURE_CLASS_{}",
            failure.class.to_uppercase()
        ))
        .unwrap_or_default()
        .into(),
        reason: failure.reason.clone(),
        step: failure.step.clone(),
        message: failure.message.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(numbers: std::ops::Range<u128>) -> Vec<String> {
        numbers.map(|number| UserId(uuid::Uuid::from_u128(number)).to_string()).collect()
    }

    fn groups(numbers: std::ops::Range<u128>) -> Vec<String> {
        numbers.map(|number| format!("group-{number}")).collect()
    }

    #[test]
    fn access_is_bounded_and_its_refusals_name_the_field() {
        let check = |groups: Vec<String>, users: Vec<String>, want: Result<usize, &str>| {
            let got = access(Some(wire::ImageAccess { global: false, groups, users }));
            let got = got
                .map(|access| access.users.len())
                .map_err(|fault| fault.violations()[0].field.clone());
            assert_eq!(got, want.map_err(str::to_owned));
        };
        check(groups(0..100), Vec::new(), Ok(0));
        check(groups(0..101), Vec::new(), Err("access.groups"));
        check(groups(0..60), users(0..40), Ok(40));
        check(groups(0..60), users(0..41), Err("access.users"));
        check(
            [groups(0..60), groups(0..60)].concat(),
            [users(0..40), users(0..40)].concat(),
            Ok(40),
        );
        check(Vec::new(), vec![users(7..8).remove(0), "alice".to_owned()], Err("access.users[1]"));
    }
}

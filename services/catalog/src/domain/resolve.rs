//! The choice of the reference that runs on a node.

use crate::domain::{
    artifact::Artifact,
    image::Image,
    image_type::ImageType,
    revision::{Revision, RevisionState},
};

/// The accelerator of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// No GPU.
    Cpu,
    /// A GPU.
    Gpu,
}

/// The artifact to run on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Always has a digest.
    pub artifact: Artifact,
    /// Says what was chosen and why; shown to people.
    pub note: String,
}

/// Why a revision does not run on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolvable {
    /// The revision is not READY.
    NotReady,
    /// A GPU image does not run on a CPU node.
    AcceleratorMismatch,
    /// Verification was skipped.
    DigestUnknown,
    /// The artifact was made for these platforms only.
    PlatformMismatch { platforms: Vec<String> },
    /// The revision is READY but has no artifact: a defect.
    ArtifactMissing,
}

/// Chooses the artifact of `revision` that runs on a node with this accelerator and platform.
///
/// # Errors
/// [`Unresolvable`].
pub fn choose(
    image: &Image,
    revision: &Revision,
    accelerator: Accelerator,
    platform: &str,
) -> Result<Choice, Unresolvable> {
    if revision.state != RevisionState::Ready {
        return Err(Unresolvable::NotReady);
    }

    let (artifact, note) = choose_by_accelerator(image.image_type, revision, accelerator)?;
    let artifact = artifact.ok_or(Unresolvable::ArtifactMissing)?;

    if artifact.digest.is_empty() {
        return Err(Unresolvable::DigestUnknown);
    }
    if !artifact.runs_on(platform) {
        return Err(Unresolvable::PlatformMismatch { platforms: artifact.platforms.clone() });
    }

    Ok(Choice { artifact: artifact.clone(), note: format!("revision {}, {note}", revision.number) })
}

fn choose_by_accelerator(
    image_type: ImageType,
    revision: &Revision,
    accelerator: Accelerator,
) -> Result<(Option<&Artifact>, &'static str), Unresolvable> {
    let artifact = revision.artifact.as_ref();
    let artifact_for_gpu = revision.gpu_artifact.as_ref().or(artifact);

    match (image_type, accelerator) {
        (ImageType::Cpu | ImageType::Universal, Accelerator::Cpu) => {
            Ok((artifact, "the CPU reference"))
        }
        (ImageType::Gpu, Accelerator::Gpu) => Ok((artifact, "the GPU reference")),
        (ImageType::Universal, Accelerator::Gpu) => {
            Ok((artifact_for_gpu, "the reference of a universal image for GPU nodes"))
        }
        (ImageType::Cpu, Accelerator::Gpu) => {
            Ok((artifact, "a CPU image on a GPU node: it will not use the GPU"))
        }
        (ImageType::Gpu, Accelerator::Cpu) => Err(Unresolvable::AcceleratorMismatch),
    }
}

#[cfg(test)]
mod tests {
    use slipway_names::{
        id::{ImageId, UserId},
        revision::RevisionNumber,
        unit::Micros,
    };

    use super::*;
    use crate::domain::{fixtures::image, image::ImageState, revision::Draft, spec::Spec};

    fn artifact(digest: &str) -> Artifact {
        Artifact {
            digest: digest.to_owned(),
            platforms: vec!["linux/amd64".to_owned(), "linux/arm/v7".to_owned()],
            ..Artifact::default()
        }
    }

    fn revision(draft: Draft) -> Revision {
        draft.into_revision(ImageId::new(), RevisionNumber::FIRST, Micros(1))
    }

    fn existing(digest: &str) -> Revision {
        revision(Draft::existing(artifact(digest), None, UserId::derive("test", "alice")))
    }

    /// Expects the digest of the chosen artifact, or the refusal.
    fn check(
        image_type: ImageType,
        revision: &Revision,
        accelerator: Accelerator,
        platform: &str,
        want: Result<&str, Unresolvable>,
    ) {
        let image = Image { image_type, ..image(ImageState::Ready, 1, 1) };

        let choice = choose(&image, revision, accelerator, platform);

        let got = choice.as_ref().map(|choice| choice.artifact.digest.as_str());
        assert_eq!(got, want.as_ref().copied(), "{image_type} {accelerator:?} {platform}");
    }

    #[test]
    fn artifact_is_chosen_by_image_type_accelerator_and_platform() {
        use Accelerator::{Cpu, Gpu};
        use Unresolvable::{AcceleratorMismatch, DigestUnknown, PlatformMismatch};

        let one = existing("sha256:cpu");
        let two = Revision { gpu_artifact: Some(artifact("sha256:gpu")), ..one.clone() };
        let platforms = artifact("").platforms;

        check(ImageType::Cpu, &one, Cpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Cpu, &one, Gpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Gpu, &one, Gpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Gpu, &one, Cpu, "linux/amd64", Err(AcceleratorMismatch));
        check(ImageType::Universal, &two, Cpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Universal, &two, Gpu, "linux/amd64", Ok("sha256:gpu"));
        check(ImageType::Universal, &one, Gpu, "linux/amd64", Ok("sha256:cpu"));

        check(ImageType::Cpu, &one, Cpu, "linux/arm", Ok("sha256:cpu"));
        check(ImageType::Cpu, &one, Cpu, "linux/arm64", Err(PlatformMismatch { platforms }));

        check(ImageType::Cpu, &existing(""), Cpu, "linux/amd64", Err(DigestUnknown));
    }

    #[test]
    fn revision_that_is_not_ready_is_refused() {
        let building = revision(Draft::custom(Spec::default(), UserId::derive("test", "alice")));

        for state in [RevisionState::Building, RevisionState::Failed, RevisionState::Cancelled] {
            let revision = Revision { state, ..building.clone() };
            let refused = Err(Unresolvable::NotReady);
            check(ImageType::Cpu, &revision, Accelerator::Cpu, "linux/amd64", refused);
        }

        let damaged = Revision { state: RevisionState::Ready, ..building };
        let refused = Err(Unresolvable::ArtifactMissing);
        check(ImageType::Cpu, &damaged, Accelerator::Cpu, "linux/amd64", refused);
    }
}

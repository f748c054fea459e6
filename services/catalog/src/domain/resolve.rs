//! Which reference runs on a node, and why.

use slipway_fault::{Fault, Reason};

use crate::domain::{
    image::{Image, ImageType},
    revision::{Artifact, Revision, RevisionState},
};

/// What a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// No GPU.
    Cpu,
    /// A GPU.
    Gpu,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// With a digest.
    pub artifact: Artifact,
    /// For people.
    pub note: String,
}

/// Chooses by type, accelerator and platform. `revision` is the one asked for, else the active one, else the newest.
pub fn choose(
    image: &Image,
    revision: &Revision,
    accelerator: Accelerator,
    platform: &str,
) -> Result<Choice, Fault> {
    let name = image.qualified_name();
    if revision.state != RevisionState::Ready {
        return Err(not_ready(image, revision));
    }
    let (artifact, note) = match (image.kind, accelerator) {
        (ImageType::Cpu | ImageType::Universal, Accelerator::Cpu) => {
            (revision.artifact.as_ref(), "the CPU reference")
        }
        (ImageType::Gpu, Accelerator::Gpu) => (revision.artifact.as_ref(), "the GPU reference"),
        (ImageType::Universal, Accelerator::Gpu) => (
            revision.gpu_artifact.as_ref().or(revision.artifact.as_ref()),
            "the GPU reference of a universal image",
        ),
        (ImageType::Cpu, Accelerator::Gpu) => {
            (revision.artifact.as_ref(), "a CPU image on a GPU node: it will not use the GPU")
        }
        (ImageType::Gpu, Accelerator::Cpu) => {
            return Err(Fault::new(
                Reason::AcceleratorMismatch,
                format!(
                    "image `{name}` is for GPU nodes; choose a CPU or UNIVERSAL image for this node"
                ),
            ));
        }
    };
    let artifact = artifact.ok_or_else(|| Fault::internal("a ready revision has no artifact"))?;
    if artifact.digest.is_empty() {
        let message = format!(
            "image `{name}` was added without verification, so its digest is not known; make a new revision without skip_verification"
        );
        return Err(Fault::new(Reason::DigestUnknown, message));
    }
    let fits = |candidate: &String| {
        candidate == platform || candidate.starts_with(&format!("{platform}/"))
    };
    if !artifact.platforms.iter().any(fits) {
        let message = format!(
            "image `{name}` was not made for {}; it runs on {}",
            Fault::echo(platform),
            artifact.platforms.join(", ")
        );
        return Err(Fault::new(Reason::PlatformMismatch, message)
            .metadata("platforms", artifact.platforms.join(",")));
    }
    Ok(Choice { artifact: artifact.clone(), note: format!("revision {}, {note}", revision.number) })
}

fn not_ready(image: &Image, revision: &Revision) -> Fault {
    let (name, number, state) = (image.qualified_name(), revision.number, revision.state);
    let message = match image.active_revision {
        0 => format!(
            "image `{name}` has no ready revision, and its revision {number} is {state}; look at the build (slipway image get {name})"
        ),
        active => format!(
            "revision {number} of image `{name}` is {state}; the active one is revision {active}"
        ),
    };
    let fault = Fault::new(Reason::NotReady, message)
        .metadata("image", name)
        .metadata("image_state", image.state)
        .metadata("revision", number)
        .metadata("revision_state", state);
    match revision.build {
        Some(build) => fault.metadata("build", build),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use slipway_names::id::{BuildId, ImageId, UserId};

    use super::*;
    use crate::domain::{
        access::Access,
        build::BuildProgress,
        image::{ImageSource, ImageState},
    };

    fn image(kind: ImageType, state: ImageState, active_revision: i32) -> Image {
        Image {
            id: ImageId::new(),
            owner: None,
            owner_name: "system".to_owned(),
            name: "torch".to_owned(),
            display_name: "torch".to_owned(),
            description: String::new(),
            kind,
            source: ImageSource::Custom,
            state,
            access: Access::default(),
            access_revision: 0,
            active_revision,
            latest_revision: 2,
            creator: UserId::derive("test", "alice"),
            create_time: 0,
            update_time: 0,
            sequence: 0,
            edits: 1,
        }
    }

    fn artifact(digest: &str) -> Artifact {
        Artifact {
            digest: digest.to_owned(),
            platforms: vec!["linux/amd64".to_owned(), "linux/arm/v7".to_owned()],
            ..Artifact::default()
        }
    }

    fn revision(number: i32, state: RevisionState) -> Revision {
        Revision {
            image: ImageId::new(),
            number,
            state,
            artifact: Some(artifact("sha256:cpu")),
            gpu_artifact: None,
            spec: None,
            build: Some(BuildId::new()),
            progress: BuildProgress::default(),
            create_time: 0,
            creator: UserId::derive("test", "alice"),
        }
    }

    #[test]
    fn what_is_not_ready_is_named() {
        let check = |state, active, number, revision_state, want: &str| {
            let (image, revision) =
                (image(ImageType::Cpu, state, active), revision(number, revision_state));
            let fault = choose(&image, &revision, Accelerator::Cpu, "linux/amd64").unwrap_err();
            assert_eq!(fault.reason(), Reason::NotReady);
            assert!(fault.message().contains(want), "{fault}");
            let facts = [
                ("image", "system/torch".to_owned()),
                ("image_state", state.to_string()),
                ("revision", number.to_string()),
                ("revision_state", revision_state.to_string()),
                ("build", revision.build.unwrap().to_string()),
            ];
            assert_eq!(fault.all_metadata(), facts.map(|(key, value)| (key.to_owned(), value)));
        };
        check(
            ImageState::Building,
            0,
            1,
            RevisionState::Building,
            "`system/torch` has no ready revision, and its revision 1 is building",
        );
        check(
            ImageState::Failed,
            0,
            2,
            RevisionState::Failed,
            "has no ready revision, and its revision 2 is failed",
        );
        check(
            ImageState::Ready,
            1,
            2,
            RevisionState::Failed,
            "revision 2 of image `system/torch` is failed; the active one is revision 1",
        );
        check(
            ImageState::Ready,
            2,
            1,
            RevisionState::Cancelled,
            "revision 1 of image `system/torch` is cancelled; the active one is revision 2",
        );
    }

    #[test]
    fn nodes_get_what_fits() {
        let two = Revision {
            gpu_artifact: Some(artifact("sha256:gpu")),
            ..revision(1, RevisionState::Ready)
        };
        let one = revision(1, RevisionState::Ready);
        let unverified =
            Revision { artifact: Some(artifact("")), ..revision(1, RevisionState::Ready) };
        let check =
            |kind, revision: &Revision, accelerator, platform: &str, want: Result<&str, Reason>| {
                let choice =
                    choose(&image(kind, ImageState::Ready, 1), revision, accelerator, platform);
                let got = choice
                    .as_ref()
                    .map(|choice| choice.artifact.digest.as_str())
                    .map_err(Fault::reason);
                assert_eq!(got, want, "{kind} {accelerator:?} {platform}");
            };
        use Accelerator::{Cpu, Gpu};
        check(ImageType::Cpu, &one, Cpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Cpu, &one, Gpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Gpu, &one, Gpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Gpu, &one, Cpu, "linux/amd64", Err(Reason::AcceleratorMismatch));
        check(ImageType::Universal, &two, Cpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Universal, &two, Gpu, "linux/amd64", Ok("sha256:gpu"));
        check(ImageType::Universal, &one, Gpu, "linux/amd64", Ok("sha256:cpu"));
        check(ImageType::Cpu, &one, Cpu, "linux/arm", Ok("sha256:cpu"));
        check(ImageType::Cpu, &one, Cpu, "linux/arm64", Err(Reason::PlatformMismatch));
        check(ImageType::Cpu, &unverified, Cpu, "linux/amd64", Err(Reason::DigestUnknown));
    }
}

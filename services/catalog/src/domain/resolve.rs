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

/// Chooses by type, accelerator and platform. `revision` is the active one or the one asked for.
pub fn choose(image: &Image, revision: Option<&Revision>, accelerator: Accelerator, platform: &str) -> Result<Choice, Fault> {
    let name = image.qualified_name();
    let Some(revision) = revision.filter(|revision| revision.state == RevisionState::Ready) else {
        let fault =
            Fault::new(Reason::NotReady, format!("image `{name}` has no ready revision; look at its latest build (slipway image get {name})"));
        return Err(fault.metadata("image", &name).metadata("image_state", image.state));
    };
    let (artifact, note) = match (image.kind, accelerator) {
        (ImageType::Cpu | ImageType::Universal, Accelerator::Cpu) => (revision.artifact.as_ref(), "the CPU reference"),
        (ImageType::Gpu, Accelerator::Gpu) => (revision.artifact.as_ref(), "the GPU reference"),
        (ImageType::Universal, Accelerator::Gpu) => {
            (revision.gpu_artifact.as_ref().or(revision.artifact.as_ref()), "the GPU reference of a universal image")
        }
        (ImageType::Cpu, Accelerator::Gpu) => (revision.artifact.as_ref(), "a CPU image on a GPU node: it will not use the GPU"),
        (ImageType::Gpu, Accelerator::Cpu) => {
            return Err(Fault::new(
                Reason::AcceleratorMismatch,
                format!("image `{name}` is for GPU nodes; choose a CPU or UNIVERSAL image for this node"),
            ));
        }
    };
    let artifact = artifact.ok_or_else(|| Fault::internal("a ready revision has no artifact"))?;
    if artifact.digest.is_empty() {
        let message =
            format!("image `{name}` was added without verification, so its digest is not known; make a new revision without skip_verification");
        return Err(Fault::new(Reason::DigestUnknown, message));
    }
    let fits = |candidate: &String| candidate == platform || candidate.starts_with(&format!("{platform}/"));
    if !artifact.platforms.iter().any(fits) {
        let message = format!("image `{name}` was not made for {platform}; it runs on {}", artifact.platforms.join(", "));
        return Err(Fault::new(Reason::PlatformMismatch, message).metadata("platforms", artifact.platforms.join(",")));
    }
    Ok(Choice { artifact: artifact.clone(), note: format!("revision {}, {note}", revision.number) })
}

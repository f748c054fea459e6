//! The node that an image shall run on, and the reference that it runs.

use slipway_fault::Fault;
use slipway_names::{platform::Platform, reference::Reference, revision::RevisionNumber};
use slipway_request::field::Field;
use slipway_wire::catalog::v1 as wire;

use crate::domain::resolve::{Accelerator, Choice};

pub(crate) fn accelerator_from_wire(value: i32) -> Result<Accelerator, Fault> {
    let accelerator = match wire::Accelerator::try_from(value) {
        Ok(wire::Accelerator::Cpu) => Some(Accelerator::Cpu),
        Ok(wire::Accelerator::Gpu) => Some(Accelerator::Gpu),
        _ => None,
    };

    let words = ["ACCELERATOR_CPU", "ACCELERATOR_GPU"];
    Field("accelerator").require_word(accelerator, &words)
}

/// `linux/amd64` for an empty text.
pub(crate) fn platform_from_wire(text: &str) -> Result<Platform, Fault> {
    if text.is_empty() {
        return Ok(Platform::linux_amd64());
    }
    Field("platform").parse(text)
}

/// # Errors
/// `INTERNAL` when the stored reference or digest is malformed.
pub(crate) fn to_wire(
    revision: RevisionNumber,
    choice: Choice,
) -> Result<wire::ResolveImageResponse, Fault> {
    let artifact = choice.artifact;
    let reference: Reference = artifact.reference.parse().map_err(Fault::internal)?;
    let digest = artifact.digest.parse().map_err(Fault::internal)?;

    Ok(wire::ResolveImageResponse {
        reference: reference.at(&digest).to_string(),
        registry: reference.registry().to_owned(),
        digest: artifact.digest,
        revision: revision.get(),
        note: choice.note,
    })
}

//! Artifacts.

use slipway_wire::catalog::v1 as wire;

use crate::domain::artifact::Artifact;

pub(crate) fn to_wire(artifact: &Artifact) -> wire::Artifact {
    wire::Artifact {
        reference: artifact.reference.clone(),
        digest: artifact.digest.clone(),
        platforms: artifact.platforms.clone(),
        size_bytes: artifact.size.get(),
    }
}

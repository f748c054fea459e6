//! Build specs.

use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::builder::v1::BuildSpec;

use crate::domain::spec::Spec;

/// The spec, and the base for GPU nodes.
pub(super) fn from_wire(spec: Option<BuildSpec>) -> Result<(Spec, String), Fault> {
    let wire = Field("custom.spec").require(spec)?;

    let spec = Spec {
        base_reference: wire.base_reference,
        apt: wire.apt,
        conda: wire.conda,
        pip: wire.pip,
    };
    Ok((spec, wire.gpu_base_reference))
}

pub(super) fn to_wire(spec: &Spec) -> BuildSpec {
    BuildSpec {
        base_reference: spec.base_reference.clone(),
        gpu_base_reference: String::new(),
        apt: spec.apt.clone(),
        conda: spec.conda.clone(),
        pip: spec.pip.clone(),
    }
}

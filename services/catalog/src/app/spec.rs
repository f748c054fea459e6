//! Refusals of build specs and references.

use slipway_fault::{Fault, Reason};
use slipway_names::reference::InvalidReference;
use slipway_packages::{LineError, Refusal};
use slipway_request::field::Field;

use crate::domain::spec::InvalidSpec;

/// The field of a spec's base.
pub(super) const BASE_FIELD: Field<'_> = Field("custom.spec.base_reference");
const GPU_BASE_FIELD: Field<'_> = Field("custom.spec.gpu_base_reference");

/// `REFERENCE_MALFORMED`, `GPU_REFERENCE_NOT_UNIVERSAL`, `UNIVERSAL_BUILD_NOT_YET_SUPPORTED`,
/// `CONDA_NOT_YET_SUPPORTED`, `PACKAGE_LINE_REFUSED` (with one violation for each refused line),
/// `SPEC_EMPTY` or `SPEC_TOO_LARGE`.
pub(super) fn invalid_spec(error: InvalidSpec) -> Fault {
    match error {
        InvalidSpec::Base(error) => invalid_reference(&error, BASE_FIELD),
        InvalidSpec::GpuBase(error) => invalid_reference(&error, GPU_BASE_FIELD),
        InvalidSpec::GpuBaseNotUniversal => gpu_not_universal(GPU_BASE_FIELD),
        InvalidSpec::SecondBase => second_base_not_supported(),
        InvalidSpec::Conda => conda_not_supported(),
        InvalidSpec::Packages(refusal) => package_lists_refused(refusal),
    }
}

/// `REFERENCE_MALFORMED` for `field`.
pub(super) fn invalid_reference(error: &InvalidReference, Field(field): Field<'_>) -> Fault {
    Fault::new(Reason::ReferenceMalformed, format!("{field} {error}")).violation(field, error)
}

/// `GPU_REFERENCE_NOT_UNIVERSAL` for `field`.
pub(super) fn gpu_not_universal(Field(field): Field<'_>) -> Fault {
    let message =
        format!("{field} is for UNIVERSAL images only. Remove it, or set the type to UNIVERSAL.");
    Fault::new(Reason::GpuReferenceNotUniversal, message)
        .violation(field, "is for UNIVERSAL images only")
}

fn second_base_not_supported() -> Fault {
    let message = "A custom UNIVERSAL image with a different GPU base cannot be built yet. \
                   Remove gpu_base_reference, or create one CPU image and one GPU image.";
    Fault::new(Reason::UniversalBuildNotYetSupported, message)
        .violation(GPU_BASE_FIELD.0, "must be empty for now")
}

fn conda_not_supported() -> Fault {
    let message = "The conda lines are valid, but conda packages cannot be built yet. \
                   Use apt or pip lines for now.";
    Fault::new(Reason::CondaNotYetSupported, message)
        .violation("custom.spec.conda", "must be empty for now")
}

fn package_lists_refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Lines(errors) => package_lines_refused(errors),
        Refusal::Empty => {
            Fault::new(Reason::SpecEmpty, refusal.to_string()).violation("custom.spec", &refusal)
        }
        Refusal::TooManyLines { manager, .. } => {
            Fault::new(Reason::SpecTooLarge, refusal.to_string())
                .violation(format!("custom.spec.{manager}"), &refusal)
        }
        Refusal::TooLarge { .. } => {
            Fault::new(Reason::SpecTooLarge, refusal.to_string()).violation("custom.spec", &refusal)
        }
    }
}

fn package_lines_refused(errors: Vec<LineError>) -> Fault {
    let message = match errors.as_slice() {
        [only] => only.to_string(),
        several => {
            format!("{} package lines are refused. The first: {}", several.len(), several[0])
        }
    };

    let fault = Fault::new(Reason::PackageLineRefused, message);
    errors.into_iter().fold(fault, |fault, error| {
        let field = format!("custom.spec.{}[{}]", error.manager, error.line - 1);
        fault.violation(field, &error)
    })
}

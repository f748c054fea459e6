//! The spec of a custom image, judged before anything is stored.

use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};
use slipway_names::reference::Reference;
use slipway_packages::{PackageLists, Policy, Refusal};

use crate::domain::image::ImageType;

/// Lines as the user wrote them; the base completed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The image to build on.
    pub base_reference: String,
    /// Debian packages.
    pub apt: Vec<String>,
    /// conda MatchSpecs.
    pub conda: Vec<String>,
    /// Python requirements.
    pub pip: Vec<String>,
}

impl Spec {
    /// Accepts the spec or says everything that is wrong with it.
    pub fn accept(
        mut self,
        gpu_base: &str,
        kind: ImageType,
        policy: &Policy,
    ) -> Result<Self, Fault> {
        let base = parse_reference(&self.base_reference, "custom.spec.base_reference")?;
        self.base_reference = base.to_string();
        if !gpu_base.is_empty() {
            if kind != ImageType::Universal {
                return Err(gpu_not_universal("custom.spec.gpu_base_reference"));
            }
            if parse_reference(gpu_base, "custom.spec.gpu_base_reference")? != base {
                let message = "a custom UNIVERSAL image with a second base cannot be built yet; leave gpu_base_reference away, or make a CPU and a GPU image";
                return Err(Fault::new(Reason::UniversalBuildNotYetSupported, message)
                    .violation("custom.spec.gpu_base_reference", "must be empty for now"));
            }
        }
        let lists =
            PackageLists::parse(&self.apt, &self.conda, &self.pip, policy).map_err(refused)?;
        if !lists.conda.is_empty() {
            let message =
                "conda lines are understood but cannot be built yet; use apt or pip lines for now";
            return Err(Fault::new(Reason::CondaNotYetSupported, message)
                .violation("custom.spec.conda", "must be empty for now"));
        }
        Ok(self)
    }
}

/// A reference, completed, or a refusal that names its field.
pub fn parse_reference(text: &str, field: &str) -> Result<Reference, Fault> {
    text.parse().map_err(|error: slipway_names::reference::InvalidReference| {
        Fault::new(Reason::ReferenceMalformed, format!("{field} {error}")).violation(field, error)
    })
}

/// GPU fields on an image that has no GPU side of its own.
pub fn gpu_not_universal(field: &str) -> Fault {
    let message = format!(
        "{field} is for UNIVERSAL images only; leave it away, or set the type to UNIVERSAL"
    );
    Fault::new(Reason::GpuReferenceNotUniversal, message)
        .violation(field, "is for UNIVERSAL images only")
}

fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Lines(errors) => {
            let message = match errors.as_slice() {
                [only] => only.to_string(),
                several => format!(
                    "{} package lines are refused; the first: {}",
                    several.len(),
                    several[0]
                ),
            };
            errors.into_iter().fold(
                Fault::new(Reason::PackageLineRefused, message),
                |fault, error| {
                    fault.violation(
                        format!("custom.spec.{}[{}]", error.manager, error.line - 1),
                        &error,
                    )
                },
            )
        }
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

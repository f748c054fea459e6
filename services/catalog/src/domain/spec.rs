//! The build spec of a custom image, validated before anything is stored.

use serde::{Deserialize, Serialize};
use slipway_names::reference::{InvalidReference, Reference};
use slipway_packages::{PackageLists, PackageRules, Refusal};

use crate::domain::image_type::ImageType;

/// Package lines as the user wrote them, and the base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The image to build on; complete once validated.
    pub base_reference: String,
    /// Debian packages.
    pub apt: Vec<String>,
    /// conda MatchSpecs.
    pub conda: Vec<String>,
    /// Python requirements.
    pub pip: Vec<String>,
}

/// A spec that cannot be built.
#[derive(Debug)]
pub enum InvalidSpec {
    Base(InvalidReference),
    GpuBase(InvalidReference),
    /// Only UNIVERSAL images have a GPU base.
    GpuBaseNotUniversal,
    /// The GPU base differs from the base, which cannot be built yet.
    SecondBase,
    /// conda lines cannot be built yet.
    Conda,
    Packages(Refusal),
}

impl Spec {
    /// Completes the base reference and checks every package line. Returns the spec and its base.
    ///
    /// # Errors
    /// [`InvalidSpec`].
    pub fn validate(
        mut self,
        gpu_base: &str,
        image_type: ImageType,
        rules: &PackageRules,
    ) -> Result<(Self, Reference), InvalidSpec> {
        let base: Reference = self.base_reference.parse().map_err(InvalidSpec::Base)?;
        self.base_reference = base.to_string();

        if !gpu_base.is_empty() {
            if image_type != ImageType::Universal {
                return Err(InvalidSpec::GpuBaseNotUniversal);
            }
            if gpu_base.parse::<Reference>().map_err(InvalidSpec::GpuBase)? != base {
                return Err(InvalidSpec::SecondBase);
            }
        }

        let lists = PackageLists::parse(&self.apt, &self.conda, &self.pip, rules)
            .map_err(InvalidSpec::Packages)?;
        if !lists.conda.is_empty() {
            return Err(InvalidSpec::Conda);
        }

        Ok((self, base))
    }
}

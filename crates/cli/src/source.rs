//! What a revision is, as flags: somebody else's reference, or packages on a base.
//!
//! Each flag names every other that cannot stand beside it: clap does not miss a required flag that conflicts with one that is there.

use clap::Args;
use slipway_wire::{
    builder::v1::BuildSpec,
    catalog::v1::{CustomSource, ExistingSource},
};

use crate::failure::Failure;

pub(crate) enum Source {
    Existing(ExistingSource),
    Custom(CustomSource),
}

#[derive(Args)]
pub(crate) struct SourceFlags {
    /// Existing image: its reference.
    #[arg(long, conflicts_with_all = ["base", "apt", "conda", "pip"])]
    reference: Option<String>,
    /// Existing UNIVERSAL image: its reference for GPU nodes; the reference when not given.
    #[arg(long, requires = "reference", conflicts_with_all = ["base", "apt", "conda", "pip"])]
    gpu_reference: Option<String>,
    /// Existing image: do not ask its registry.
    #[arg(long, requires = "reference", conflicts_with_all = ["base", "apt", "conda", "pip"])]
    skip_verification: bool,
    /// Custom image: what to build on.
    #[arg(long)]
    base: Option<String>,
    /// Custom image: a Debian package; may be given again.
    #[arg(long, allow_hyphen_values = true, requires = "base")]
    apt: Vec<String>,
    /// Custom image: a conda MatchSpec; may be given again.
    #[arg(long, allow_hyphen_values = true, requires = "base")]
    conda: Vec<String>,
    /// Custom image: a Python requirement; may be given again.
    #[arg(long, allow_hyphen_values = true, requires = "base")]
    pip: Vec<String>,
}

impl SourceFlags {
    pub(crate) fn source(self) -> Result<Source, Failure> {
        if let Some(reference) = self.reference {
            return Ok(Source::Existing(ExistingSource {
                reference,
                gpu_reference: self.gpu_reference.unwrap_or_default(),
                pull_secret: String::new(),
                skip_verification: self.skip_verification,
            }));
        }
        let base_reference = self
            .base
            .ok_or_else(|| Failure::usage("give --reference for an existing image, --base and packages for a custom one, or --file for either"))?;
        let spec = BuildSpec {
            base_reference,
            gpu_base_reference: String::new(),
            apt: self.apt,
            conda: self.conda,
            pip: self.pip,
        };
        Ok(Source::Custom(CustomSource { spec: Some(spec), pull_secret: String::new() }))
    }
}

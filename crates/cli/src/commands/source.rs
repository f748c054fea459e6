//! Flags for the content of a revision: an existing reference, or packages on a base.
//!
//! clap does not report a missing required flag when that flag conflicts with a given one.
//! Therefore each flag lists all flags that it conflicts with.

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
    /// Existing image: its reference, such as docker.io/library/python:3.12.
    #[arg(long, conflicts_with_all = ["base", "apt", "conda", "pip"])]
    reference: Option<String>,
    /// Existing image of type universal: its reference for GPU nodes; --reference if omitted.
    #[arg(
        long,
        value_name = "REFERENCE",
        requires = "reference",
        conflicts_with_all = ["base", "apt", "conda", "pip"]
    )]
    gpu_reference: Option<String>,
    /// Existing image: do not check the reference at its registry; its digest is then unknown.
    #[arg(long, requires = "reference", conflicts_with_all = ["base", "apt", "conda", "pip"])]
    skip_verification: bool,
    /// Custom image: reference of the base image to build on.
    #[arg(long, value_name = "REFERENCE")]
    base: Option<String>,
    /// Custom image: Debian package to install with apt, such as jq; can be repeated.
    #[arg(long, value_name = "PACKAGE", allow_hyphen_values = true, requires = "base")]
    apt: Vec<String>,
    /// Custom image: conda package to install (MatchSpec), such as numpy>=2; can be repeated.
    #[arg(long, value_name = "PACKAGE", allow_hyphen_values = true, requires = "base")]
    conda: Vec<String>,
    /// Custom image: Python package to install (PEP 508), such as humanize>=4; can be repeated.
    #[arg(long, value_name = "PACKAGE", allow_hyphen_values = true, requires = "base")]
    pip: Vec<String>,
}

impl SourceFlags {
    pub(crate) fn into_source(self) -> Result<Source, Failure> {
        if let Some(reference) = self.reference {
            return Ok(Source::Existing(ExistingSource {
                reference,
                gpu_reference: self.gpu_reference.unwrap_or_default(),
                pull_secret: String::new(),
                skip_verification: self.skip_verification,
            }));
        }

        let Some(base_reference) = self.base else {
            return Err(Failure::usage(
                "The source of the image is missing. Use --reference for an existing image, \
                 --base with --apt, --conda and --pip for a custom image, or --file for either.",
            ));
        };

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

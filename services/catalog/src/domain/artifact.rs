//! What a reference points to.

use slipway_names::unit::ByteCount;

/// A reference with what its registry said about it at verification, or what a build pushed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifact {
    /// Complete, such as `docker.io/library/python:3.12`.
    pub reference: String,
    /// Empty when verification was skipped.
    pub digest: String,
    /// `os/architecture[/variant]`; empty when verification was skipped.
    pub platforms: Vec<String>,
    /// Compressed; zero when verification was skipped.
    pub size: ByteCount,
}

impl Artifact {
    /// Whether the artifact runs on `platform`; any variant of the platform counts.
    pub fn runs_on(&self, platform: &str) -> bool {
        let variants = format!("{platform}/");

        self.platforms
            .iter()
            .any(|candidate| candidate == platform || candidate.starts_with(&variants))
    }
}

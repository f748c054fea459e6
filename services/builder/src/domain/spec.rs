//! What a build is made of, as the catalog accepted it.

use serde::{Deserialize, Serialize};

/// Lines as the user wrote them; parsed again before anything is rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The image to build on, completed.
    pub base_reference: String,
    /// Debian packages.
    #[serde(default)]
    pub apt: Vec<String>,
    /// conda MatchSpecs.
    #[serde(default)]
    pub conda: Vec<String>,
    /// Python requirements.
    #[serde(default)]
    pub pip: Vec<String>,
}

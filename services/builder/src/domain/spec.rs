//! The build spec, as the catalog accepted it.

use serde::{Deserialize, Serialize};

/// A base image and package lines. The lines are kept as the user wrote them; the executor parses
/// them again before it renders anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The base image, with short forms completed.
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

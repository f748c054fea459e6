//! What a registry has behind a reference.

use serde_json::Value;
use slipway_names::{digest::Digest, platform::Platform, unit::ByteCount};

/// The content of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Digest of the manifest or index.
    pub digest: Digest,
    /// Every platform that has an image.
    pub platforms: Vec<Platform>,
    /// Compressed config and layers of the first platform.
    pub size: ByteCount,
}

/// One image for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Digest of the config, which container tools call the image id.
    pub config_digest: Digest,
    /// The platform in the config.
    pub platform: Platform,
    /// Compressed config and layers.
    pub size: ByteCount,
    /// The unchanged config (OCI image specification, config).
    pub config: Value,
}

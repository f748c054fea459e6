//! The source of a revision, as the caller gives it.

use crate::domain::{image::ImageSource, spec::Spec};

/// The source of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A reference that was built outside Slipway.
    Existing {
        reference: String,
        /// The reference for GPU nodes; empty when it is the same.
        gpu_reference: String,
        /// The registry is not asked; the digest stays unknown.
        skip_verification: bool,
    },
    /// A build of Slipway.
    Custom {
        spec: Spec,
        /// The base for GPU nodes; empty when it is the same.
        gpu_base: String,
    },
}

impl Source {
    pub fn kind(&self) -> ImageSource {
        match self {
            Self::Existing { .. } => ImageSource::Existing,
            Self::Custom { .. } => ImageSource::Custom,
        }
    }
}

//! Revisions: what an image points at, immutable and numbered.

use slipway_names::id::{BuildId, ImageId, UserId};

use crate::domain::{build::BuildProgress, image::words, spec::Spec};
use std::{fmt, str::FromStr};

words! {
    /// Where a revision is.
    RevisionState {
        /// Its build is under way.
        Building = "building",
        /// It resolves.
        Ready = "ready",
        /// Its build failed.
        Failed = "failed",
        /// Its build was cancelled.
        Cancelled = "cancelled",
    }
}

/// One exact thing to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifact {
    /// Completed.
    pub reference: String,
    /// Empty when verification was skipped.
    pub digest: String,
    /// `os/architecture[/variant]`
    pub platforms: Vec<String>,
    /// Compressed.
    pub size_bytes: i64,
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Of this image.
    pub image: ImageId,
    /// 1, 2, 3 …
    pub number: i32,
    /// Where it is.
    pub state: RevisionState,
    /// What runs; of a custom image once it is built.
    pub artifact: Option<Artifact>,
    /// What runs on GPU nodes, where that differs.
    pub gpu_artifact: Option<Artifact>,
    /// Custom images.
    pub spec: Option<Spec>,
    /// Custom images.
    pub build: Option<BuildId>,
    /// What the builder told.
    pub progress: BuildProgress,
    /// Microseconds since the Unix epoch.
    pub create_time: i64,
    /// Who asked for it.
    pub creator: UserId,
}

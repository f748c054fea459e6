//! A build and what is told of it.

use slipway_names::id::{BuildId, ImageId, UserId};

use crate::domain::{failure::Failure, spec::Spec, state::State};

/// What the catalog asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Made by the catalog.
    pub id: BuildId,
    /// For which image.
    pub image: ImageId,
    /// `<owner>/<name>`
    pub image_name: String,
    /// The revision that it will become.
    pub revision: i32,
    /// Who asked.
    pub requester: UserId,
    /// What to build.
    pub spec: Spec,
    /// Where to push, without a tag.
    pub repository: String,
    /// Microseconds since the Unix epoch.
    pub request_time: i64,
    /// The permission revision at which the image's access was decided.
    pub access_revision: i64,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// By tag.
    pub reference: String,
    /// Of the manifest.
    pub digest: String,
    /// `os/architecture`
    pub platform: String,
    /// Compressed config and layers.
    pub size_bytes: i64,
}

/// A build as it is now. Times are microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// What was asked for.
    pub request: Request,
    /// Where it is.
    pub state: State,
    /// 0 before the first claim.
    pub attempt: i32,
    /// How many of its attempts count towards the limit; one that a drain cut off does not.
    pub charged: i32,
    /// The step it is in, or ended in.
    pub step: String,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Of the base's manifest.
    pub base_digest: String,
    /// As it was built.
    pub containerfile: String,
    /// Once succeeded.
    pub pushed: Option<Pushed>,
    /// The trace of the call that asked for it; may be empty.
    pub traceparent: String,
    /// When it was queued here.
    pub create_time: i64,
    /// When it was claimed last.
    pub start_time: Option<i64>,
    /// When it ended.
    pub end_time: Option<i64>,
    /// Number of the last change.
    pub sequence: i64,
}

impl Build {
    /// The tag of this attempt, never used again.
    pub fn tag(&self) -> String {
        format!("r{}-{}", self.request.revision, self.attempt)
    }
}

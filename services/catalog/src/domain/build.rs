//! What the catalog knows of a revision's build: what the builder told last.

/// Where the build is, in the builder's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildProgress {
    /// `queued`, `building`, …
    pub state: String,
    /// The step in it.
    pub step: String,
    /// Number of the builder's last event.
    pub sequence: i64,
    /// Why it failed.
    pub failure: Option<BuildFailure>,
}

/// As the builder said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFailure {
    /// `user`, `platform` or `limit`.
    pub class: String,
    /// From the builder's closed list.
    pub reason: String,
    /// The step that failed.
    pub step: String,
    /// For people.
    pub message: String,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has a digest.
    Succeeded,
    /// It will not be tried again by itself.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

//! Revisions: the immutable, numbered contents of an image.

use slipway_names::{
    id::{BuildId, ImageId, UserId},
    revision::RevisionNumber,
    unit::Micros,
};
use strum::{Display, EnumString};

use crate::domain::{
    artifact::Artifact,
    build::{Build, BuildOutcome, BuildProgress},
    spec::Spec,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = unknown_revision_state)]
pub enum RevisionState {
    /// The build is running.
    Building,
    /// The revision resolves.
    Ready,
    /// The build failed.
    Failed,
    /// The build was cancelled.
    Cancelled,
}

fn unknown_revision_state(text: &str) -> String {
    format!("`{text}` is not a revision state")
}

impl RevisionState {
    /// `None` while the build has not ended.
    pub fn of_build(outcome: Option<&BuildOutcome>) -> Self {
        match outcome {
            None => Self::Building,
            Some(BuildOutcome::Succeeded(_)) => Self::Ready,
            Some(BuildOutcome::Failed) => Self::Failed,
            Some(BuildOutcome::Cancelled) => Self::Cancelled,
        }
    }
}

/// What happened to a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RevisionEvent {
    Building,
    Ready,
    Failed,
    Cancelled,
    /// The revision is the one that resolves now.
    Activated,
}

impl From<RevisionState> for RevisionEvent {
    fn from(state: RevisionState) -> Self {
        match state {
            RevisionState::Building => Self::Building,
            RevisionState::Ready => Self::Ready,
            RevisionState::Failed => Self::Failed,
            RevisionState::Cancelled => Self::Cancelled,
        }
    }
}

/// The content of a revision that is not stored yet, and so has no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    state: RevisionState,
    artifact: Option<Artifact>,
    gpu_artifact: Option<Artifact>,
    build: Option<Build>,
    creator: UserId,
}

impl Draft {
    /// A revision without a build; it is READY at once.
    pub fn existing(artifact: Artifact, gpu_artifact: Option<Artifact>, creator: UserId) -> Self {
        Self {
            state: RevisionState::Ready,
            artifact: Some(artifact),
            gpu_artifact,
            build: None,
            creator,
        }
    }

    /// A revision that has to be built. Its build gets a new id.
    pub fn custom(spec: Spec, creator: UserId) -> Self {
        let build = Build { id: BuildId::new(), spec, progress: BuildProgress::REQUESTED };

        Self {
            state: RevisionState::Building,
            artifact: None,
            gpu_artifact: None,
            build: Some(build),
            creator,
        }
    }

    /// The user who requested the revision.
    pub fn creator(&self) -> UserId {
        self.creator
    }

    pub fn into_revision(
        self,
        image: ImageId,
        number: RevisionNumber,
        create_time: Micros,
    ) -> Revision {
        Revision {
            image,
            number,
            state: self.state,
            artifact: self.artifact,
            gpu_artifact: self.gpu_artifact,
            build: self.build,
            create_time,
            creator: self.creator,
        }
    }
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub image: ImageId,
    pub number: RevisionNumber,
    pub state: RevisionState,
    /// Absent until the build has succeeded.
    pub artifact: Option<Artifact>,
    /// The artifact for GPU nodes, where it differs.
    pub gpu_artifact: Option<Artifact>,
    /// Custom images only.
    pub build: Option<Build>,
    pub create_time: Micros,
    /// The user who requested the revision.
    pub creator: UserId,
}

impl Revision {
    /// Without what can be run.
    #[must_use]
    pub fn without_artifacts(self) -> Self {
        Self { artifact: None, gpu_artifact: None, ..self }
    }
}

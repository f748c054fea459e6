//! The ports of a worker: the coordinator, which hands out builds, and the storage of logs. A
//! worker knows neither database nor broker, so it could run on another host.

use std::error::Error;

use async_trait::async_trait;
use slipway_names::id::{BuildId, WorkerId};

use crate::domain::{
    attempt::AttemptNumber,
    build::Build,
    log::LogChunk,
    step::Step,
    transition::{Refused, Transition},
};

/// Why a call of a port failed.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// The coordinator does not answer, or other writers were faster. A repeated call can succeed.
    #[error("the coordinator of builds is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A defect. A repeated call fails too.
    #[error("the coordinator of builds failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a transition was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// The state table does not allow it, or the attempt no longer holds the build.
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
}

/// Whether an attempt may continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptStatus {
    /// It holds the build.
    Active,
    /// A user has requested a cancel.
    CancelRequested,
    /// It no longer holds the build: the build has ended, or has a newer attempt.
    Fenced,
}

/// Hands out builds, and records what becomes of them. Implemented by the store.
#[async_trait]
pub trait Coordinator: LogStore {
    /// Takes a waiting build, if there is one. It becomes PREPARING, with a new attempt and a
    /// lease.
    async fn claim(&self, worker: WorkerId) -> Result<Option<Build>, CoordinatorError>;

    /// Waits until a claim may find a build: after a change of the queue, and after a while in any
    /// case.
    async fn wait_for_work(&self);

    /// Renews the lease of an attempt, and reads its status.
    async fn heartbeat(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, CoordinatorError>;

    /// Reads the status of an attempt without renewing its lease. It is polled more often than the
    /// lease is renewed, so that a cancel takes effect soon.
    async fn attempt_status(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, CoordinatorError>;

    /// Applies a transition to the attempt's build, and returns the build after it.
    async fn advance_attempt(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        transition: &Transition,
    ) -> Result<Build, AdvanceError>;
}

/// Storage of logs.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// Appends a chunk. Returns `false` for an attempt that no longer holds the build, and for a
    /// chunk that is already stored.
    async fn append(&self, id: BuildId, chunk: &LogChunk) -> Result<bool, CoordinatorError>;

    /// Records the current step of an attempt. Returns `false` for an attempt that no longer holds
    /// the build, and for a step that is already recorded.
    async fn record_step(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        step: Step,
    ) -> Result<bool, CoordinatorError>;
}

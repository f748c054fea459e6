//! Implements the worker's ports by the [`Store`] methods of the same names: claims in `queue.rs`,
//! leases and steps in `attempt.rs`, transitions in `transition.rs`.

use async_trait::async_trait;
use slipway_database::StoreError;
use slipway_names::id::{BuildId, WorkerId};

use crate::{
    domain::{
        attempt::AttemptNumber,
        build::Build,
        log::LogChunk,
        step::Step,
        transition::{Guard, Transition},
    },
    store::{Store, transition},
    worker::ports::{AdvanceError, AttemptStatus, Coordinator, CoordinatorError, LogStore},
};

#[async_trait]
impl Coordinator for Store {
    async fn claim(&self, worker: WorkerId) -> Result<Option<Build>, CoordinatorError> {
        Ok(self.claim(worker).await?)
    }

    async fn wait_for_work(&self) {
        self.wait_for_change().await;
    }

    async fn heartbeat(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, CoordinatorError> {
        Ok(self.heartbeat(id, attempt).await?)
    }

    async fn attempt_status(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, CoordinatorError> {
        Ok(self.attempt_status(id, attempt).await?)
    }

    async fn advance_attempt(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        transition: &Transition,
    ) -> Result<Build, AdvanceError> {
        Ok(self.advance(id, Guard::Attempt(attempt), transition).await?)
    }
}

#[async_trait]
impl LogStore for Store {
    async fn append(&self, id: BuildId, chunk: &LogChunk) -> Result<bool, CoordinatorError> {
        Ok(self.append(id, chunk).await?)
    }

    async fn record_step(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        step: Step,
    ) -> Result<bool, CoordinatorError> {
        Ok(self.record_step(id, attempt, step).await?)
    }
}

impl From<transition::AdvanceError> for AdvanceError {
    fn from(error: transition::AdvanceError) -> Self {
        match error {
            transition::AdvanceError::Refused(refused) => Self::Refused(refused),
            transition::AdvanceError::Store(error) => Self::Coordinator(error.into()),
        }
    }
}

impl From<StoreError> for CoordinatorError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Conflict(_) => Self::Unavailable(error.into()),
            StoreError::Defect(cause) => Self::Failed(cause),
        }
    }
}

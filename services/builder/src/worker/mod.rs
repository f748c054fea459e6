//! The worker: claims builds and runs them, a limited number at the same time.

pub mod attempt;
pub mod executor;
pub mod log_sink;
pub mod ports;

use std::{error::Error as _, sync::Arc};

use slipway_names::id::WorkerId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::build::Build,
    worker::{attempt::Timing, executor::Executor, ports::Coordinator},
};

/// Claims and runs builds.
pub struct Worker {
    pub id: WorkerId,
    pub coordinator: Arc<dyn Coordinator>,
    pub executor: Arc<dyn Executor>,
    /// Builds at the same time.
    pub slots: usize,
    pub timing: Timing,
}

impl Worker {
    /// Runs until `stop`. Then the running builds return to the queue.
    pub async fn run(self, stop: CancellationToken) {
        self.executor.remove_all_attempts().await;

        let slots = Arc::new(Semaphore::new(self.slots));
        let mut running = JoinSet::new();
        while let Some(slot) = free_slot(&slots, &stop).await {
            if let Some(build) = self.claim().await {
                running.spawn(self.run_attempt(build, slot, stop.clone()));
                continue;
            }

            while running.try_join_next().is_some() {}
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.coordinator.wait_for_work() => {}
            }
        }

        while running.join_next().await.is_some() {}
    }

    /// A waiting build; `None` also when the claim failed.
    async fn claim(&self) -> Option<Build> {
        match self.coordinator.claim(self.id).await {
            Ok(build) => build,
            Err(error) => {
                tracing::warn!(
                    %error,
                    cause = ?error.source(),
                    "could not claim a build; retrying"
                );
                None
            }
        }
    }

    /// Runs the attempt, and frees its slot afterwards.
    fn run_attempt(
        &self,
        build: Build,
        slot: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let coordinator = self.coordinator.clone();
        let executor = self.executor.clone();
        let timing = self.timing;

        async move {
            attempt::run(coordinator, executor, build, timing, stop).await;
            drop(slot);
        }
    }
}

/// Waits for a free slot; `None` when the worker stops.
async fn free_slot(
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<OwnedSemaphorePermit> {
    let slot = tokio::select! {
        () = stop.cancelled() => return None,
        slot = slots.clone().acquire_owned() => slot.ok()?,
    };

    // Both may be ready, and `select!` chooses at random.
    if stop.is_cancelled() { None } else { Some(slot) }
}

//! The worker: as many builds at once as it has slots, each under its lease.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    app::{attempt, executor::Executor, queue::Queue},
    domain::build::Build,
};

const POLL: Duration = Duration::from_millis(250);

/// How long an attempt may take, and how it keeps its lease.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// One attempt in all.
    pub attempt: Duration,
    /// Between two renewals of the lease.
    pub heartbeat: Duration,
    /// Without a renewal, the attempt ends by itself before anybody else may claim the build.
    pub self_fence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(3_600),
            heartbeat: Duration::from_secs(15),
            self_fence: Duration::from_secs(45),
        }
    }
}

/// Claims and runs builds.
pub struct Worker {
    /// This process's identity; a new one after each start.
    pub id: Uuid,
    /// The rest of Slipway.
    pub queue: Arc<dyn Queue>,
    /// Makes the images.
    pub executor: Arc<dyn Executor>,
    /// Builds at once.
    pub slots: usize,
    /// How long things may take.
    pub timing: Timing,
}

impl Worker {
    /// Until `stop`; running builds are given back to the queue then.
    pub async fn run(self, stop: CancellationToken) {
        self.executor.reap().await;
        let slots = Arc::new(Semaphore::new(self.slots));
        let mut running = JoinSet::new();
        while !stop.is_cancelled() {
            let slot = tokio::select! {
                () = stop.cancelled() => break,
                slot = slots.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { break };
            if stop.is_cancelled() {
                break;
            }
            match self.queue.claim(self.id).await {
                Ok(Some(build)) => {
                    running.spawn(self.attempt(build, slot, stop.clone()));
                    continue;
                }
                Ok(None) => {}
                Err(fault) => {
                    tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "claiming failed; trying again")
                }
            }
            while running.try_join_next().is_some() {}
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Holds the slot until the attempt has ended.
    fn attempt(
        &self,
        build: Build,
        slot: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (queue, executor, timing) = (self.queue.clone(), self.executor.clone(), self.timing);
        async move {
            attempt::run(queue, executor, build, timing, stop).await;
            drop(slot);
        }
    }
}

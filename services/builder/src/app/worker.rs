//! The worker: as many builds at once as it has slots, each under its lease.

use std::{sync::Arc, time::Duration};

use slipway_fault::Fault;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    app::{attempt, executor::Executor},
    store::Store,
};

const POLL: Duration = Duration::from_millis(250);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One attempt in all.
    pub build: Duration,
}

/// Claims and runs builds.
pub struct Worker {
    /// This process's identity; a new one after each start.
    pub id: Uuid,
    /// The queue.
    pub store: Store,
    /// Makes the images.
    pub executor: Arc<dyn Executor>,
    /// Builds at once.
    pub slots: usize,
    /// How long things may take.
    pub limits: Limits,
}

impl Worker {
    /// Until `stop`; running builds are given back to the queue then.
    pub async fn run(self, stop: CancellationToken) {
        let held = self.store.held_by(self.id).await.unwrap_or_default();
        self.executor.reap(&held).await;
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
            match self.claim_one().await {
                Ok(Some(build)) => {
                    let (store, executor, limits, stop) = (self.store.clone(), self.executor.clone(), self.limits, stop.clone());
                    running.spawn(async move {
                        attempt::run(store, executor, build, limits, stop).await;
                        drop(slot);
                    });
                    continue;
                }
                Ok(None) => {}
                Err(fault) => tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "claiming failed; trying again"),
            }
            drop(slot);
            while running.try_join_next().is_some() {}
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn claim_one(&self) -> Result<Option<crate::domain::build::Build>, Fault> {
        Ok(self.store.claim(self.id).await?.map(|claim| claim.build))
    }
}

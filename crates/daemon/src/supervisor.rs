//! Named tasks that stop together. One that panics ends the process: a half-alive process heals worse than a restarted one.

use std::{future::Future, time::Duration};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The tasks of a process.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<&'static str>,
    running: Vec<&'static str>,
    stop: CancellationToken,
}

impl Supervisor {
    /// Told to every task when the process stops.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task that ends soon after the stop token.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(name);
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Returns when a task ends by itself: its name, or that it panicked.
    pub async fn first_end(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(name)) => format!("task `{name}` ended"),
            Some(Err(error)) => format!("a task failed: {error}"),
            None => std::future::pending().await,
        }
    }

    /// Stops all tasks; names those that are late.
    pub async fn shut_down(mut self, patience: Duration) {
        self.stop.cancel();
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                self.running.retain(|name| !ended.as_ref().is_ok_and(|ended| ended == name));
            }
        };
        if tokio::time::timeout(patience, all_ended).await.is_err() {
            tracing::warn!(tasks = ?self.running, "tasks did not stop in time");
        }
    }
}

//! Named tasks that stop together.
//!
//! A task that ends or panics ends the process: a restarted process recovers more reliably than one
//! that runs without some of its tasks.

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
    /// Cancelled when the process stops.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task. It has to end soon after the stop token is cancelled.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(name);
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until a task ends without being stopped; returns a message that says which one.
    pub async fn wait_for_task_end(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(name)) => format!("task `{name}` ended"),
            Some(Err(error)) => format!("a task failed: {error}"),
            None => std::future::pending().await,
        }
    }

    /// Stops all tasks, and logs those that do not end within `timeout`.
    pub async fn shut_down(mut self, timeout: Duration) {
        self.stop.cancel();

        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                self.running.retain(|name| !ended.as_ref().is_ok_and(|ended| ended == name));
            }
        };

        if tokio::time::timeout(timeout, all_ended).await.is_err() {
            tracing::warn!(tasks = ?self.running, "tasks did not stop in time");
        }
    }
}

//! Builds of a fixture's stack: cancelling, waiting, and their processes on this machine.

use std::{fs, path::Path, time::Duration};

use slipway_wire::builder::v1::{Build, CancelBuildRequest, GetBuildRequest};
use tonic::Status;

use crate::fixture::{Fixture, wait_until};

impl Fixture {
    pub(crate) async fn try_cancel(&self, subject: &str, build_id: &str) -> Result<(), Status> {
        let request = CancelBuildRequest { build_id: build_id.to_owned() };
        self.builds().cancel_build(self.request(subject, request)).await.map(|_| ())
    }

    pub(crate) async fn cancel(&self, build_id: &str) {
        self.try_cancel("admin", build_id).await.unwrap();
    }

    /// Polls a build until the condition holds. Errors of the call are ignored: the builder may not
    /// yet have the build.
    pub(crate) async fn wait_for_build(
        &self,
        id: &str,
        timeout: Duration,
        is_wanted: impl Fn(&Build) -> bool,
    ) -> Build {
        let mut last = None;

        wait_until(timeout, async || {
            let request = GetBuildRequest { build_id: id.to_owned() };
            let response = self.builds().get_build(self.request("admin", request)).await;
            let Ok(response) = response else {
                return Err(format!("the build was last {last:?}"));
            };

            let build = response.into_inner().build.unwrap();
            if is_wanted(&build) {
                return Ok(build);
            }
            last = Some(build);
            Err(format!("the build is {last:?}"))
        })
        .await
    }

    /// Processes of this stack's builds, as command lines.
    pub(crate) fn build_processes(&self) -> Vec<String> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries.filter_map(|entry| self.build_process(&entry.path())).collect()
    }

    /// The command line of a process if it belongs to a build of this stack.
    fn build_process(&self, process: &Path) -> Option<String> {
        let read = |file: &str| {
            let bytes = fs::read(process.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let command = read("cmdline");
        let environment = read("environ");

        let builds = self.data.join("builds").display().to_string();
        let is_of_this_stack = command.contains(&self.id)
            || command.contains(&builds)
            || environment.contains(&builds);

        let path = command.split(' ').next().unwrap_or_default();
        let program = path.rsplit('/').next().unwrap_or_default();
        let is_server = program.starts_with("slipway-") || program.starts_with("postgres");

        (is_of_this_stack && !is_server).then_some(command)
    }

    pub(crate) async fn wait_for_no_build_processes(&self, timeout: Duration) {
        wait_until(timeout, async || {
            let processes = self.build_processes();
            if processes.is_empty() { Ok(()) } else { Err(format!("still run: {processes:#?}")) }
        })
        .await;
    }

    /// Waits until a process whose command line contains `text` runs in a build.
    pub(crate) async fn wait_for_build_process(&self, text: &str) {
        wait_until(Duration::from_secs(60), async || {
            let processes = self.build_processes();
            let is_running = processes.iter().any(|command| command.contains(text));
            if is_running { Ok(()) } else { Err(format!("no `{text}` in {processes:#?}")) }
        })
        .await;
    }
}

//! The installation of the packages: `buildah bud` with the attempt's context.

use super::{
    Buildah,
    attempt::{ATTEMPT_STORAGE, Attempt},
    command::CommandLine,
    disk, disk_io_failure, namespaces, process,
};
use crate::{
    domain::{
        containerfile::{failed_step, started_step},
        failure::{Failure, classify},
        step::Step,
    },
    worker::log_sink::LogSink,
};

impl Buildah {
    /// Builds the image from the attempt's context, and checks its size.
    pub(super) async fn build_image(
        &self,
        attempt: &Attempt,
        log: &mut LogSink,
    ) -> Result<(), Failure> {
        let limits = &self.settings.limits;
        let command = namespaces::with_step_network(
            &attempt.cgroup,
            &self.settings,
            self.build_command(attempt),
        );
        let running = process::run(
            &command,
            &attempt.folder,
            ATTEMPT_STORAGE,
            log,
            started_step,
            limits.idle_timeout(),
        );

        let exit_code = tokio::select! {
            exit_code = running => exit_code?,
            () = disk::watch(&attempt.folder, limits.disk_bytes) => {
                return Err(limits.disk_limit_failure(log.step()));
            }
        };

        if exit_code != Some(0) {
            let output = log.last_lines();
            let step = failed_step(&output).unwrap_or(log.step());

            return Err(self
                .exceeded_limit(attempt, step)
                .unwrap_or_else(|| classify(step, exit_code, &output)));
        }

        self.check_image_size(attempt).await
    }

    fn build_command(&self, attempt: &Attempt) -> CommandLine {
        // "host" means the namespaces in which buildah itself runs.
        let mut command = CommandLine::buildah("bud")
            .flag("--isolation", "oci")
            .flag("--runtime", "runc")
            .flag("--network", "host")
            .flag("--cgroupns", "host")
            .switch("--no-cache")
            .switch("--layers")
            .switch("--pull-never")
            .flag("--format", "oci")
            .switch("--http-proxy=false")
            .flag("--signature-policy", self.signature_policy())
            .flag("--iidfile", attempt.file("image-id"))
            .flag("--file", attempt.file("Containerfile"));

        if let Some(server) = self.settings.network.dns_server() {
            command = command.flag("--dns", server);
        }

        command.argument(attempt.file("context"))
    }

    async fn check_image_size(&self, attempt: &Attempt) -> Result<(), Failure> {
        let limits = &self.settings.limits;
        let size = disk::usage(&attempt.folder.join("storage"))
            .await
            .map_err(|error| disk_io_failure(Step::Commit, &error))?;

        match size {
            Some(size) if size <= limits.image_bytes => Ok(()),
            size => Err(limits.image_size_failure(size)),
        }
    }
}

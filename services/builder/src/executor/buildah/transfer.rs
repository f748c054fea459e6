//! The pull of the base and the push of the image. Both use the host's network.

use std::{fs, time::Duration};

use slipway_names::{digest::Digest, reference::Reference, unit::ByteCount};
use tokio::time::timeout;

use super::{
    Buildah,
    attempt::{ATTEMPT_STORAGE, Attempt, BASES_STORAGE},
    base_layers::PROVIDED_LAYERS,
    command::CommandLine,
    disk_io_failure, log_line, namespaces, process,
};
use crate::{
    domain::{
        build::Pushed,
        failure::{Failure, FailureReason},
        step::Step,
    },
    worker::{executor::Base, log_sink::LogSink},
};

/// Parts of the errors of buildah that are about the registry. Every other error is about the
/// builder's own tools and files.
const REGISTRY_ERRORS: [&str; 7] = [
    "pinging container registry",
    "reading manifest",
    "reading blob",
    "fetching blob",
    "happened during read",
    "HTTP status",
    "dial tcp",
];

impl Buildah {
    /// Pulls the base into the shared store, and checks that its id is the inspected `image_id`.
    pub(super) async fn pull(
        &self,
        reference: &str,
        image_id: &Digest,
        attempt: &Attempt,
        log: &mut LogSink,
    ) -> Result<(), Failure> {
        let command = CommandLine::buildah("pull")
            .switch("--quiet")
            .flag("--policy", "missing")
            .flag("--signature-policy", self.signature_policy())
            .switch(self.tls_verify(reference))
            .argument(format!("docker://{reference}"));

        let timeout_failure = pull_failure(format!(
            "The base could not be pulled within {} s.",
            self.settings.limits.transfer_seconds
        ));
        let exit_code =
            self.transfer(command, attempt, BASES_STORAGE, log, timeout_failure).await?;
        // The last line of `buildah pull --quiet` is the image's id.
        let output = log.last_lines();

        if exit_code != Some(0) {
            return Err(self
                .exceeded_limit(attempt, Step::Pull)
                .unwrap_or_else(|| failed_pull(last_line(&output))));
        }

        let is_inspected_image =
            pulled_image_id(&output).is_some_and(|id| image_id.as_str() == format!("sha256:{id}"));
        if is_inspected_image {
            Ok(())
        } else {
            Err(Failure::new(
                FailureReason::BaseRefused,
                Step::Pull,
                "The pulled base is not the image that was inspected. Retry; if it happens again, \
                 ask the operators to check the builder's store of bases.",
            ))
        }
    }

    /// Pushes the attempt's image and asks the registry for its size.
    pub(super) async fn push_image(
        &self,
        attempt: &Attempt,
        reference: String,
        base: &Base,
        log: &mut LogSink,
    ) -> Result<Pushed, Failure> {
        let source = parse_reference(&base.reference)?;
        let target = parse_reference(&reference)?;

        let has_provided =
            self.provide_base_layers(attempt, &base.layers, &source, &target, log).await?;
        let command = self.push_command(attempt, &reference, has_provided)?;
        let timeout_failure = push_failure(format!(
            "The image could not be pushed within {} s.",
            self.settings.limits.transfer_seconds
        ));
        let exit_code =
            self.transfer(command, attempt, ATTEMPT_STORAGE, log, timeout_failure).await?;

        if exit_code != Some(0) {
            return Err(self.exceeded_limit(attempt, Step::Push).unwrap_or_else(|| {
                push_failure(format!(
                    "The registry did not accept the image: {}",
                    last_line(&log.last_lines())
                ))
            }));
        }

        let digest = pushed_digest(attempt)?;
        let size = self.image_size(&target, &digest).await?;
        log_line(log, &format!("pushed {reference} as {digest}")).await?;

        Ok(Pushed { reference, digest, platform: base.platform.clone(), size })
    }

    fn push_command(
        &self,
        attempt: &Attempt,
        reference: &str,
        has_provided_layers: bool,
    ) -> Result<CommandLine, Failure> {
        let image_id = fs::read_to_string(attempt.file("image-id"))
            .map_err(|error| disk_io_failure(Step::Push, &error))?;

        let mut command = CommandLine::buildah("push")
            .switch("--quiet")
            .flag("--format", "oci")
            .flag("--signature-policy", self.signature_policy())
            .flag("--digestfile", attempt.file("digest"))
            .switch(self.tls_verify(reference));
        if has_provided_layers {
            command = command.flag("--blob-cache", attempt.file(PROVIDED_LAYERS));
        }

        Ok(command.argument(image_id.trim()).argument(format!("docker://{reference}")))
    }

    /// Runs a pull or push. Fails with `timeout_failure` when it exceeds its time.
    async fn transfer(
        &self,
        command: CommandLine,
        attempt: &Attempt,
        storage: &str,
        log: &mut LogSink,
        timeout_failure: Failure,
    ) -> Result<Option<i32>, Failure> {
        let command = namespaces::with_host_network(&attempt.cgroup, command);
        let running =
            process::run(&command, &attempt.folder, storage, log, |_| None, Duration::MAX);

        match timeout(self.settings.limits.transfer_timeout(), running).await {
            Ok(exit_code) => exit_code,
            Err(_) => Err(timeout_failure),
        }
    }

    /// The size of the image's config and compressed layers.
    async fn image_size(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<ByteCount, Failure> {
        let artifact = self
            .registries
            .resolve(&reference.at(digest))
            .await
            .map_err(|error| push_failure(error.to_string()))?;
        Ok(artifact.size)
    }

    pub(super) fn signature_policy(&self) -> String {
        self.settings.data_dir.join("policy.json").display().to_string()
    }

    fn tls_verify(&self, reference: &str) -> String {
        format!("--tls-verify={}", !self.is_insecure(reference))
    }

    fn is_insecure(&self, reference: &str) -> bool {
        self.settings
            .insecure_registries
            .iter()
            .any(|registry| reference.starts_with(&format!("{registry}/")))
    }
}

fn parse_reference(reference: &str) -> Result<Reference, Failure> {
    reference.parse().map_err(|error| push_failure(format!("The reference `{reference}` {error}")))
}

/// The digest that `buildah push` wrote.
fn pushed_digest(attempt: &Attempt) -> Result<Digest, Failure> {
    let text = fs::read_to_string(attempt.file("digest"))
        .map_err(|error| disk_io_failure(Step::Push, &error))?;

    text.trim().parse().map_err(|error| {
        push_failure(format!("The digest that buildah reported for the image {error}"))
    })
}

/// The image id that `buildah pull` printed: 64 hexadecimal digits.
fn pulled_image_id(output: &str) -> Option<&str> {
    output
        .lines()
        .rev()
        .find(|line| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn last_line(output: &str) -> &str {
    output.lines().last().unwrap_or_default()
}

/// The failure of a pull by the last line that it printed.
fn failed_pull(line: &str) -> Failure {
    if REGISTRY_ERRORS.iter().any(|text| line.contains(text)) {
        return pull_failure(format!("The base could not be pulled: {line}"));
    }

    Failure::new(
        FailureReason::ExecutorFailed,
        Step::Pull,
        format!("The builder's tools could not pull the base: {line}"),
    )
}

fn pull_failure(message: String) -> Failure {
    Failure::new(FailureReason::RegistryUnreachable, Step::Pull, message)
}

fn push_failure(message: String) -> Failure {
    Failure::new(FailureReason::PushFailed, Step::Push, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_pull_blames_the_registry_only_for_its_own_errors() {
        for (line, want) in [
            (
                "Error: initializing source docker://r:1/b@sha256:ab: pinging container registry \
                 r:1: Get \"https://r:1/v2/\": dial tcp: lookup r: no such host",
                FailureReason::RegistryUnreachable,
            ),
            ("Error: reading blob sha256:ab: unexpected EOF", FailureReason::RegistryUnreachable),
            (
                "Error: initializing image from source docker://r:1/b: reading signatures: open \
                 /var/lib/containers/sigstore/b/signature-1: permission denied",
                FailureReason::ExecutorFailed,
            ),
            ("unshare: write failed /proc/self/uid_map", FailureReason::ExecutorFailed),
            ("", FailureReason::ExecutorFailed),
        ] {
            assert_eq!(failed_pull(line).reason, want, "{line}");
        }
    }
}

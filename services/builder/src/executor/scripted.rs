//! A fake executor that follows a script: known bases, known packages, and an apt step that takes a
//! given time.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use slipway_names::{digest::Digest, id::BuildId, platform::Platform, unit::ByteCount};

use crate::{
    domain::{
        attempt::AttemptNumber,
        build::{Build, Pushed, ResolvedBase},
        failure::{Failure, FailureReason, classify},
        step::Step,
    },
    worker::{
        executor::{Base, Executor},
        log_sink::LogSink,
        ports::CoordinatorError,
    },
};

/// The fake's script.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    /// Bases that exist.
    pub bases: HashSet<String>,
    /// Bases whose registry does not answer.
    pub unreachable: HashSet<String>,
    /// apt lines that can be installed.
    pub packages: HashSet<String>,
    /// The duration of the apt step.
    pub install_time: Duration,
}

const DIGEST: &str = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b";

#[async_trait]
impl Executor for Scripted {
    async fn prepare(&self, build: &Build, _: &mut LogSink) -> Result<Base, Failure> {
        let reference = &build.request.spec.base_reference;
        if self.unreachable.contains(reference) {
            return Err(Failure::new(
                FailureReason::RegistryUnreachable,
                Step::Resolve,
                format!("The registry of `{reference}` does not answer."),
            ));
        }
        if !self.bases.contains(reference) {
            return Err(Failure::new(
                FailureReason::BaseMissing,
                Step::Resolve,
                format!("The registry has no `{reference}`."),
            ));
        }

        Ok(Base {
            reference: format!("{reference}@{DIGEST}"),
            platform: Platform::linux_amd64(),
            layers: Vec::new(),
            resolved: ResolvedBase {
                digest: digest(),
                containerfile: format!("FROM {reference}\n"),
            },
        })
    }

    async fn install(&self, build: &Build, _: &Base, log: &mut LogSink) -> Result<(), Failure> {
        log.begin_step(Step::Apt).await.map_err(log_failure)?;
        tokio::time::sleep(self.install_time).await;

        for line in &build.request.spec.apt {
            if !self.packages.contains(line) {
                let output = format!("E: Unable to locate package {line}");
                log.write_line(output.as_bytes()).await.map_err(log_failure)?;
                return Err(classify(Step::Apt, Some(100), &log.last_lines()));
            }

            let output = format!("Setting up {line}");
            log.write_line(output.as_bytes()).await.map_err(log_failure)?;
        }
        Ok(())
    }

    async fn push(&self, build: &Build, base: &Base, _: &mut LogSink) -> Result<Pushed, Failure> {
        Ok(Pushed {
            reference: format!("{}:{}", build.request.repository, build.tag()),
            digest: digest(),
            platform: base.platform.clone(),
            size: ByteCount::of(b"x"),
        })
    }

    async fn remove_attempt(&self, _: BuildId, _: AttemptNumber) {}

    async fn remove_all_attempts(&self) {}
}

fn digest() -> Digest {
    DIGEST.parse().expect("a digest")
}

fn log_failure(error: CoordinatorError) -> Failure {
    Failure::new(FailureReason::ExecutorFailed, Step::Apt, error.to_string())
}

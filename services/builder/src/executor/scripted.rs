//! A fake that follows a script: known bases, known packages, and steps that wait.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use slipway_names::id::BuildId;

use crate::{
    app::{
        LogSink,
        executor::{Base, Executor},
    },
    domain::{
        build::{Build, Pushed},
        failure::{Failure, FailureReason, classify},
    },
};

/// What exists in the fake's world.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    /// Bases that resolve.
    pub bases: HashSet<String>,
    /// Bases whose registry does not answer.
    pub unreachable: HashSet<String>,
    /// apt lines that install.
    pub packages: HashSet<String>,
    /// How long the apt step takes.
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
                "resolve",
                format!("the registry of `{reference}` does not answer"),
            ));
        }
        match self.bases.contains(reference) {
            true => Ok(Base {
                reference: format!("{reference}@{DIGEST}"),
                digest: DIGEST.to_owned(),
                platform: "linux/amd64".to_owned(),
                containerfile: format!("FROM {reference}\n"),
            }),
            false => Err(Failure::new(
                FailureReason::BaseMissing,
                "resolve",
                format!("the registry has no `{reference}`"),
            )),
        }
    }

    async fn install(&self, build: &Build, _: &Base, log: &mut LogSink) -> Result<(), Failure> {
        let broken = |fault: slipway_fault::Fault| {
            Failure::new(FailureReason::ExecutorFailed, "apt", fault.to_string())
        };
        log.begin_step("apt").await.map_err(broken)?;
        tokio::time::sleep(self.install_time).await;
        for line in &build.request.spec.apt {
            if !self.packages.contains(line) {
                log.write_line(format!("E: Unable to locate package {line}").as_bytes())
                    .await
                    .map_err(broken)?;
                return Err(classify("apt", Some(100), &log.last_lines()));
            }
            log.write_line(format!("Setting up {line}").as_bytes()).await.map_err(broken)?;
        }
        Ok(())
    }

    async fn push(&self, build: &Build, base: &Base, _: &mut LogSink) -> Result<Pushed, Failure> {
        Ok(Pushed {
            reference: format!("{}:{}", build.request.repository, build.tag()),
            digest: DIGEST.to_owned(),
            platform: base.platform.clone(),
            size_bytes: 1,
        })
    }

    async fn discard(&self, _: BuildId, _: i32) {}

    async fn reap(&self) {}
}

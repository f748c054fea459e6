//! One contract for the scripted executor and buildah.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use slipway_builder::{
    domain::{
        attempt::AttemptNumber,
        build::{Build, Pushed, Request},
        failure::{Failure, FailureReason},
        log::LogChunk,
        step::Step,
        transition::Transition,
    },
    executor::{Scripted, buildah::PackageSources},
    worker::{
        executor::Executor,
        log_sink::LogSink,
        ports::{CoordinatorError, LogStore},
    },
};
use slipway_names::{
    id::{BuildId, WorkerId},
    platform::Platform,
    unit::{ByteCount, Micros},
};

use crate::{buildah::BuildahFixture, fixtures::request};

/// A log store in memory.
#[derive(Clone, Default)]
pub(crate) struct MemoryLog(Arc<Mutex<Vec<u8>>>);

#[async_trait]
impl LogStore for MemoryLog {
    async fn append(&self, _: BuildId, chunk: &LogChunk) -> Result<bool, CoordinatorError> {
        self.0.lock().unwrap().extend_from_slice(&chunk.data);
        Ok(true)
    }

    async fn record_step(
        &self,
        _: BuildId,
        _: AttemptNumber,
        _: Step,
    ) -> Result<bool, CoordinatorError> {
        Ok(true)
    }
}

impl MemoryLog {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A claimed build, with a repository of its own.
pub(crate) fn build(registry: &str, base: &str, apt: &[&str], pip: &[&str]) -> Build {
    let mut request = Request {
        repository: format!("{registry}/test/image-{}", BuildId::new().0.simple()),
        ..request(base, apt)
    };
    request.spec.pip = pip.iter().map(ToString::to_string).collect();

    let now = Micros(1);
    let queued = Build::queued(request, String::new(), now);
    Transition::Claim(WorkerId::new()).apply(&queued, now).unwrap()
}

/// Runs all steps of the executor, and discards the attempt.
pub(crate) async fn run_attempt(
    executor: &dyn Executor,
    build: &Build,
    memory: &MemoryLog,
) -> Result<Pushed, Failure> {
    let mut log = LogSink::new(Arc::new(memory.clone()), build.request.id, build.attempt);
    let outcome = run_steps(executor, build, &mut log).await;

    log.end(None).await.unwrap();
    executor.remove_attempt(build.request.id, build.attempt).await;
    outcome
}

async fn run_steps(
    executor: &dyn Executor,
    build: &Build,
    log: &mut LogSink,
) -> Result<Pushed, Failure> {
    let base = executor.prepare(build, log).await?;
    executor.install(build, &base, log).await?;
    executor.push(build, &base, log).await
}

/// Like [`run_attempt`]; panics with the log when the attempt fails.
pub(crate) async fn succeed(executor: &dyn Executor, build: &Build, log: &MemoryLog) -> Pushed {
    match run_attempt(executor, build, log).await {
        Ok(pushed) => pushed,
        Err(failure) => panic!("{failure}\n{}", log.text()),
    }
}

/// Runs an attempt that has to fail in this way.
pub(crate) async fn check_failure(
    executor: &dyn Executor,
    build: &Build,
    reason: FailureReason,
    step: Step,
) -> Failure {
    let log = MemoryLog::default();
    let Err(failure) = run_attempt(executor, build, &log).await else {
        panic!("the attempt succeeded\n{}", log.text());
    };

    assert_eq!((failure.reason, failure.step), (reason, Some(step)), "{failure}\n{}", log.text());
    failure
}

async fn check_contract(executor: &dyn Executor, registry: &str, base: &str) {
    let log = MemoryLog::default();
    let good = build(registry, base, &["jq"], &[]);
    let pushed = succeed(executor, &good, &log).await;

    assert_eq!(pushed.reference, format!("{}:r1-1", good.request.repository));
    assert!(pushed.size > ByteCount::ZERO, "{pushed:?}");
    assert_eq!(pushed.platform, Platform::linux_amd64());

    let text = log.text();
    assert!(text.contains("── apt\n"), "{text}");
    assert!(text.contains("Setting up jq"), "{text}");

    let missing_package = build(registry, base, &["no-such-package"], &[]);
    check_failure(executor, &missing_package, FailureReason::AptFailed, Step::Apt).await;

    let missing_base = build(registry, &format!("{registry}/no/such:1"), &["jq"], &[]);
    check_failure(executor, &missing_base, FailureReason::BaseMissing, Step::Resolve).await;
}

#[tokio::test]
async fn scripted_executor_fulfils_the_contract() {
    let executor = Scripted {
        bases: HashSet::from(["localhost:5000/base:1".to_owned()]),
        packages: HashSet::from(["jq".to_owned()]),
        ..Scripted::default()
    };

    check_contract(&executor, "localhost:5000", "localhost:5000/base:1").await;
}

#[tokio::test]
async fn buildah_fulfils_the_contract() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };

    check_contract(&fixture.executor, &fixture.registry, &fixture.base).await;

    assert_eq!(fixture.attempt_folders(), 0, "an attempt was not removed");
    fixture.remove().await;
}

//! One contract for the scripted executor and buildah.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use slipway_builder::{
    app::{LogSink, LogStore, executor::Executor},
    domain::{
        build::{Build, Pushed, Request},
        failure::{Failure, FailureReason},
        log::LogChunk,
        state::State,
    },
    executor::{Scripted, buildah::PackageSources},
};
use slipway_fault::Fault;
use slipway_names::id::BuildId;

use crate::{buildah::real, worlds::request};

/// Keeps a log in memory, or only its size.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

#[async_trait]
impl LogStore for Memory {
    async fn append(&self, _: BuildId, chunk: &LogChunk) -> Result<bool, Fault> {
        self.0.lock().unwrap().extend_from_slice(&chunk.data);
        Ok(true)
    }

    async fn step(&self, _: BuildId, _: i32, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

impl Memory {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

pub(crate) fn build(registry: &str, base: &str, apt: &[&str], pip: &[&str]) -> Build {
    let mut request = Request {
        repository: format!("{registry}/test/image-{}", BuildId::new().0.simple()),
        ..request(base, apt)
    };
    request.spec.pip = pip.iter().map(ToString::to_string).collect();
    Build {
        request,
        state: State::Preparing,
        attempt: 1,
        charged: 1,
        step: String::new(),
        failure: None,
        base_digest: String::new(),
        containerfile: String::new(),
        pushed: None,
        traceparent: String::new(),
        create_time: 0,
        start_time: None,
        end_time: None,
        sequence: 1,
    }
}

pub(crate) async fn make(
    executor: &dyn Executor,
    build: &Build,
    memory: &Memory,
) -> Result<Pushed, Failure> {
    let mut log = LogSink::new(Arc::new(memory.clone()), build.request.id, 1);
    let outcome = async {
        let base = executor.prepare(build, &mut log).await?;
        executor.install(build, &base, &mut log).await?;
        executor.push(build, &base, &mut log).await
    }
    .await;
    log.finish().await.unwrap();
    executor.discard(build.request.id, 1).await;
    outcome
}

async fn contract(executor: &dyn Executor, registry: &str, base: &str) {
    let memory = Memory::default();
    let good = build(registry, base, &["jq"], &[]);
    let pushed = make(executor, &good, &memory)
        .await
        .unwrap_or_else(|failure| panic!("{failure}\n{}", memory.text()));
    assert_eq!(pushed.reference, format!("{}:r1-1", good.request.repository));
    assert!(
        pushed.digest.starts_with("sha256:")
            && pushed.size_bytes > 0
            && pushed.platform == "linux/amd64",
        "{pushed:?}"
    );
    assert!(
        memory.text().contains("── apt\n") && memory.text().contains("Setting up jq"),
        "{}",
        memory.text()
    );

    let fails = async |apt: &[&str], base: &str, reason: FailureReason, step: &str| {
        let failure =
            make(executor, &build(registry, base, apt, &[]), &Memory::default()).await.unwrap_err();
        assert_eq!((failure.reason, failure.step.as_str()), (reason, step), "{failure}");
    };
    fails(&["no-such-package"], base, FailureReason::AptFailed, "apt").await;
    fails(&["jq"], &format!("{registry}/no/such:1"), FailureReason::BaseMissing, "resolve").await;
}

#[tokio::test]
async fn scripted_keeps_the_contract() {
    let only = |text: &str| HashSet::from([text.to_owned()]);
    let executor = Scripted {
        bases: only("localhost:5000/base:1"),
        packages: only("jq"),
        ..Scripted::default()
    };
    contract(&executor, "localhost:5000", "localhost:5000/base:1").await;
}

#[tokio::test]
async fn buildah_keeps_the_contract() {
    let Some(real) = real(PackageSources::default()).await else { return };
    contract(&real.executor, &real.registry, &real.base).await;
    assert_eq!(real.attempts(), 0, "an attempt leaves nothing");
    real.end().await;
}

//! One contract for the scripted executor and buildah, and what only the real one can show.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
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
    executor::{
        Scripted,
        buildah::{Buildah, Limits, NetworkMode, PackageSources, Resource, Settings},
    },
};
use slipway_fault::Fault;
use slipway_names::id::BuildId;
use slipway_packages::Policy;
use slipway_registry::Registries;
use slipway_testrig::{base, env, user::Ordinary};
use tempfile::TempDir;

use crate::worlds::request;

/// Keeps a log in memory, or only its size.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

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
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

fn build(registry: &str, base: &str, apt: &[&str], pip: &[&str]) -> Build {
    let mut request = Request { repository: format!("{registry}/test/image-{}", BuildId::new().0.simple()), ..request(base, apt) };
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

async fn make(executor: &dyn Executor, build: &Build, memory: &Memory) -> Result<Pushed, Failure> {
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
    let pushed = make(executor, &good, &memory).await.unwrap_or_else(|failure| panic!("{failure}\n{}", memory.text()));
    assert_eq!(pushed.reference, format!("{}:r1-1", good.request.repository));
    assert!(pushed.digest.starts_with("sha256:") && pushed.size_bytes > 0 && pushed.platform == "linux/amd64", "{pushed:?}");
    assert!(memory.text().contains("── apt\n") && memory.text().contains("Setting up jq"), "{}", memory.text());

    let fails = async |apt: &[&str], base: &str, reason: FailureReason, step: &str| {
        let failure = make(executor, &build(registry, base, apt, &[]), &Memory::default()).await.unwrap_err();
        assert_eq!((failure.reason, failure.step.as_str()), (reason, step), "{failure}");
    };
    fails(&["no-such-package"], base, FailureReason::AptFailed, "apt").await;
    fails(&["jq"], &format!("{registry}/no/such:1"), FailureReason::BaseMissing, "resolve").await;
}

#[tokio::test]
async fn scripted_keeps_the_contract() {
    let only = |text: &str| HashSet::from([text.to_owned()]);
    let executor = Scripted { bases: only("localhost:5000/base:1"), packages: only("jq"), ..Scripted::default() };
    contract(&executor, "localhost:5000", "localhost:5000/base:1").await;
}

/// buildah on a real registry, in a folder that the user namespace can clear.
struct Real {
    executor: Buildah,
    registry: String,
    base: String,
    folder: TempDir,
}

async fn real(packages: PackageSources) -> Option<Real> {
    limited(Limits { idle_seconds: 120, ..Limits::default() }, packages).await
}

async fn limited(limits: Limits, packages: PackageSources) -> Option<Real> {
    let registry = env::server(env::REGISTRY)?;
    let folder = TempDir::new_in(std::env::var("HOME").unwrap()).unwrap();
    let settings = Settings {
        data_dir: folder.path().to_owned(),
        network: NetworkMode::Private,
        allowed_networks: Vec::new(),
        limits,
        accept_unenforced: Resource::ALL.to_vec(),
        insecure_registries: vec![registry.clone()],
        packages,
    };
    let registries = Registries::new(&slipway_registry::Settings { insecure: vec![registry.clone()] });
    let (executor, isolation) = Buildah::new(settings, Policy::default(), registries).await.unwrap();
    assert!(isolation.user_and_pid_namespace && isolation.loopback_closed && isolation.network == NetworkMode::Private, "{isolation}");
    assert!(isolation.unenforced.is_empty() || std::env::var(env::CONTROL_GROUPS).is_err(), "{isolation}");
    let base = format!("{registry}/{}", base::REPOSITORY);
    Some(Real { executor, registry, base, folder })
}

impl Real {
    fn attempts(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("attempts")).unwrap().count()
    }

    /// Bases belong to the user namespace; a plain remove cannot clear them.
    async fn end(self) {
        let status = tokio::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--map-auto", "rm", "-rf"])
            .arg(self.folder.path().join("bases"))
            .status()
            .await;
        assert!(status.unwrap().success());
    }
}

#[tokio::test]
async fn buildah_keeps_the_contract() {
    let Some(real) = real(PackageSources::default()).await else { return };
    contract(&real.executor, &real.registry, &real.base).await;
    assert_eq!(real.attempts(), 0, "an attempt leaves nothing");
    real.end().await;
}

#[tokio::test]
async fn nothing_of_the_mirrors_stays() {
    let packages = PackageSources {
        apt_sources: "deb http://deb.debian.org/debian bookworm main # canary-sources".to_owned(),
        pip_index_url: "https://canary-user:canary-password@pypi.org/simple".to_owned(),
        no_proxy: "canary-no-proxy".to_owned(),
        ..PackageSources::default()
    };
    let Some(real) = real(packages).await else { return };
    let memory = Memory::default();
    let build = build(&real.registry, &real.base, &["jq"], &["humanize>=4"]);
    let pushed = make(&real.executor, &build, &memory).await.unwrap_or_else(|failure| panic!("{failure}\n{}", memory.text()));
    assert!(!memory.text().contains("canary-password"), "{}", memory.text());

    let copy = real.folder.path().join("copy");
    let image = format!("docker://{}@{}", build.request.repository, pushed.digest);
    let copied = tokio::process::Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", &image])
        .arg(format!("dir:{}", copy.display()))
        .status()
        .await;
    assert!(copied.unwrap().success());
    let script = "cd \"$1\"; for f in *; do (gzip -dc \"$f\" 2>/dev/null || cat \"$f\") | grep -a -o -E 'canary-[a-z-]+|run/slipway/[a-z.]+|var/lib/apt/lists/[a-z]+[._][^ ]*' | sort -u; done";
    let output = tokio::process::Command::new("sh").args(["-c", script, "search"]).arg(&copy).output().await.unwrap();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: Vec<&str> = found.lines().filter(|line| !line.starts_with("run/slipway/apt.sh") && !line.starts_with("run/slipway/pip.sh")).collect();
    assert_eq!(found, Vec::<&str>::new(), "only the fixed scripts' names stand in the history");
    real.end().await;
}

#[tokio::test]
async fn dropping_a_build_ends_every_process() {
    let Some(real) = real(PackageSources::default()).await else { return };
    let build = build(&real.registry, &real.base, &["git", "cmake"], &[]);
    let memory = Memory::default();
    let mut log = LogSink::new(Arc::new(memory.clone()), build.request.id, 1);
    let base = real.executor.prepare(&build, &mut log).await.unwrap();
    let marker = format!("{}-1", build.request.id);
    let running = async {
        // apt has spoken: the build is inside the step.
        while processes_of(&marker) < 3 || !memory.text().contains("Get:1 ") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        outcome = real.executor.install(&build, &base, &mut log) => panic!("ended by itself: {outcome:?}"),
        () = running => {}
    }
    let dropped = Instant::now();
    while processes_of(&marker) > 0 {
        assert!(dropped.elapsed() < Duration::from_secs(5), "{} processes are left", processes_of(&marker));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    real.executor.discard(build.request.id, 1).await;
    assert_eq!(real.attempts(), 0);
    real.end().await;
}

#[tokio::test]
async fn limits_hold() {
    if env::server(env::CONTROL_GROUPS).is_none() {
        return;
    }
    let limits = Limits {
        cpus: 0.5,
        memory_bytes: 256 << 20,
        processes: 200,
        disk_bytes: 800 << 20,
        image_bytes: 200 << 20,
        layers: 120,
        idle_seconds: 20,
        transfer_seconds: 60,
    };
    let Some(real) = limited(limits, PackageSources::default()).await else { return };
    let base = base::puppet(&Ordinary::find().unwrap(), &real.registry).unwrap();
    let run = async |deed: &str| {
        let memory = Memory::default();
        let outcome = make(&real.executor, &build(&real.registry, &base, &[deed], &[]), &memory).await;
        (outcome.map_err(|failure| (failure.reason, failure.step)), memory.text())
    };
    let exceeds = async |deed: &str, reason: FailureReason, step: &str| {
        let (outcome, log) = run(deed).await;
        assert_eq!(outcome, Err((reason, step.to_owned())), "{deed}: {log}");
    };
    exceeds("memory", FailureReason::MemoryExceeded, "apt").await;
    exceeds("processes", FailureReason::ProcessesExceeded, "apt").await;
    exceeds("disk", FailureReason::DiskExceeded, "apt").await;
    exceeds("image", FailureReason::SizeExceeded, "commit").await;
    exceeds("silence", FailureReason::IdleTooLong, "apt").await;

    let (outcome, log) = run("processors").await;
    let seconds: f64 = log.lines().find_map(|line| line.strip_prefix("processor seconds: ")).unwrap_or_else(|| panic!("{log}")).parse().unwrap();
    assert!(outcome.is_ok() && seconds < 2.0, "{seconds} s of processor time in 3 s at half a processor");

    let (outcome, log) = run("limits").await;
    assert!(outcome.is_ok() && log.contains("Read-only file system") && !log.contains("LIFTED"), "a step can lift its limits: {log}");
    assert_eq!(real.attempts(), 0);
    real.end().await;
}

#[tokio::test]
async fn a_base_of_too_many_layers_is_refused() {
    let Some(real) = limited(Limits { layers: 2, ..Limits::default() }, PackageSources::default()).await else { return };
    let failure = make(&real.executor, &build(&real.registry, &real.base, &["jq"], &[]), &Memory::default()).await.unwrap_err();
    assert_eq!((failure.reason, failure.step.as_str()), (FailureReason::LayersExceeded, "resolve"), "{failure}");
    real.end().await;
}

/// Processes whose command line or environment names the attempt.
fn processes_of(marker: &str) -> usize {
    let names_it = |path: &Path, file: &str| std::fs::read(path.join(file)).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(marker));
    let entries = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit())))
        .filter(|path| names_it(path, "cmdline") || names_it(path, "environ"))
        .count()
}

/// Counts instead of keeping.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<(u64, Vec<u8>)>>);

#[async_trait]
impl LogStore for Counter {
    async fn append(&self, _: BuildId, chunk: &LogChunk) -> Result<bool, Fault> {
        let mut state = self.0.lock().unwrap();
        state.0 += chunk.data.len() as u64;
        state.1 = chunk.data[chunk.data.len().saturating_sub(200)..].to_vec();
        Ok(true)
    }

    async fn step(&self, _: BuildId, _: i32, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_without_end_takes_bounded_memory() {
    let counter = Counter::default();
    let mut log = LogSink::new(Arc::new(counter.clone()), BuildId::new(), 1);
    let line = [b"x".repeat(999).as_slice(), b"\n"].concat();
    let before = resident_bytes();
    let mut highest = before;
    for number in 0..160_000_u32 {
        log.write(&line, |_| None).await.unwrap();
        if number % 10_000 == 0 {
            highest = highest.max(resident_bytes());
        }
    }
    log.write(&b"y".repeat(1 << 20), |_| None).await.unwrap();
    log.write(b"\nthe end\n", |_| None).await.unwrap();
    log.finish().await.unwrap();
    assert!(highest - before < 32 << 20, "memory rose by {} MiB", (highest - before) >> 20);
    let (stored, tail) = counter.0.lock().unwrap().clone();
    assert!((99 << 20..102 << 20).contains(&stored), "{stored} bytes are stored");
    assert!(String::from_utf8_lossy(&tail).ends_with("the end\n"), "the tail is kept");
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

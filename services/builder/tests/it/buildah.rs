//! What only the real executor can show: isolation, limits, leftovers, hostile bases and hostile packages.

use std::{
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use slipway_builder::{
    app::{LogSink, executor::Executor as _},
    domain::failure::FailureReason,
    executor::buildah::{Buildah, Limits, NetworkMode, PackageSources, Resource, Settings},
};
use slipway_names::id::BuildId;
use slipway_packages::Policy;
use slipway_registry::Registries;
use slipway_testrig::{base, env, user::Ordinary};
use tempfile::TempDir;

use crate::executor::{Memory, build, make};

/// buildah on a real registry, in a folder that the user namespace can clear.
pub(crate) struct Real {
    pub(crate) executor: Buildah,
    pub(crate) registry: String,
    pub(crate) base: String,
    folder: TempDir,
}

pub(crate) async fn real(packages: PackageSources) -> Option<Real> {
    limited(Limits { idle_seconds: 120, ..Limits::default() }, packages).await
}

async fn limited(limits: Limits, packages: PackageSources) -> Option<Real> {
    configured(|settings| Settings { limits, packages, ..settings }).await
}

async fn configured(change: impl FnOnce(Settings) -> Settings) -> Option<Real> {
    let registry = env::server(env::REGISTRY)?;
    let folder = TempDir::new_in(std::env::var("HOME").unwrap()).unwrap();
    let settings = change(Settings {
        data_dir: folder.path().to_owned(),
        network: NetworkMode::Private,
        allowed_networks: Vec::new(),
        limits: Limits::default(),
        accept_unenforced: Resource::ALL.to_vec(),
        insecure_registries: vec![registry.clone()],
        packages: PackageSources::default(),
    });
    let network = settings.network;
    let registries =
        Registries::new(&slipway_registry::Settings { insecure: vec![registry.clone()] });
    let (executor, isolation) =
        Buildah::new(settings, Policy::default(), registries).await.unwrap();
    assert!(
        isolation.user_and_pid_namespace
            && isolation.loopback_closed
            && isolation.network == network,
        "{isolation}"
    );
    // Past libtest, which keeps what passing tests print.
    let _ = writeln!(std::io::stderr(), "{isolation}");
    assert!(
        isolation.unenforced.is_empty() || std::env::var(env::CONTROL_GROUPS).is_err(),
        "{isolation}"
    );
    let base = format!("{registry}/{}", base::REPOSITORY);
    Some(Real { executor, registry, base, folder })
}

impl Real {
    pub(crate) fn attempts(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("attempts")).unwrap().count()
    }

    /// Bases belong to the user namespace; a plain remove cannot clear them.
    pub(crate) async fn end(self) {
        let status = tokio::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--map-auto", "rm", "-rf"])
            .arg(self.folder.path().join("bases"))
            .status()
            .await;
        assert!(status.unwrap().success());
    }
}

#[tokio::test]
async fn pip_installs_for_real_where_the_base_has_none() {
    let Some(real) = real(PackageSources::default()).await else { return };
    let memory = Memory::default();
    let build = build(&real.registry, &real.base, &[], &["humanize>=4"]);
    let pushed = make(&real.executor, &build, &memory)
        .await
        .unwrap_or_else(|failure| panic!("{failure}\n{}", memory.text()));
    assert!(memory.text().contains("Successfully installed humanize-"), "{}", memory.text());
    assert_eq!(pushed.reference, format!("{}:r1-1", build.request.repository));
    real.end().await;
}

const PIP_THAT_SAYS_ITS_INDEX: &str = "RUN mkdir -p /usr/lib/python3/dist-packages/pip && printf 'import os\\nprint(\"index\", os.environ.get(\"PIP_INDEX_URL\"))\\n' >/usr/lib/python3/dist-packages/pip/__main__.py\n";

#[tokio::test]
async fn nothing_of_the_mirrors_stays() {
    let packages = PackageSources {
        apt_sources: "deb http://mirror.example/debian bookworm main # canary-sources".to_owned(),
        pip_index_url: "https://canary-user:canary-password@index.example/simple".to_owned(),
        no_proxy: "canary-no-proxy".to_owned(),
        ..PackageSources::default()
    };
    let Some(real) = real(packages).await else { return };
    let memory = Memory::default();
    let base =
        base::derived(&Ordinary::find().unwrap(), &real.registry, "pip", PIP_THAT_SAYS_ITS_INDEX)
            .unwrap();
    let build = build(&real.registry, &base, &["jq"], &["humanize>=4"]);
    let pushed = make(&real.executor, &build, &memory)
        .await
        .unwrap_or_else(|failure| panic!("{failure}\n{}", memory.text()));
    assert!(memory.text().contains("index https://***@index.example/simple"), "{}", memory.text());
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
    let output = tokio::process::Command::new("sh")
        .args(["-c", script, "search"])
        .arg(&copy)
        .output()
        .await
        .unwrap();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: Vec<&str> = found
        .lines()
        .filter(|line| {
            !line.starts_with("run/slipway/apt.sh") && !line.starts_with("run/slipway/pip.sh")
        })
        .collect();
    assert_eq!(found, Vec::<&str>::new(), "only the fixed scripts' names stand in the history");
    real.end().await;
}

#[tokio::test]
async fn dropping_a_build_ends_every_process() {
    let Some(real) = real(PackageSources::default()).await else { return };
    let deed = format!("silence-{}", BuildId::new());
    let build = build(&real.registry, &puppet(&real), &[&deed], &[]);
    let mut log = LogSink::new(Arc::new(Memory::default()), build.request.id, 1);
    let base = real.executor.prepare(&build, &mut log).await.unwrap();
    let step_runs = async {
        while processes_of(&deed) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        outcome = real.executor.install(&build, &base, &mut log) => panic!("ended by itself: {outcome:?}"),
        () = step_runs => {}
    }
    let attempt = format!("{}-1", build.request.id);
    let dropped = Instant::now();
    while processes_of(&deed) + processes_of(&attempt) > 0 {
        assert!(
            dropped.elapsed() < Duration::from_secs(5),
            "{} and {} are left",
            processes_of(&deed),
            processes_of(&attempt)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    real.executor.discard(build.request.id, 1).await;
    assert_eq!(real.attempts(), 0);
    real.end().await;
}

fn puppet(real: &Real) -> String {
    base::puppet(&Ordinary::find().unwrap(), &real.registry).unwrap()
}

/// What the puppet said in a build that is to succeed.
async fn said(real: &Real, deed: &str) -> String {
    let memory = Memory::default();
    let outcome =
        make(&real.executor, &build(&real.registry, &puppet(real), &[deed], &[]), &memory).await;
    outcome.unwrap_or_else(|failure| panic!("{failure}\n{}", memory.text()));
    memory.text()
}

#[tokio::test]
async fn steps_have_no_way_to_private_networks() {
    let check = async |network: NetworkMode, allowed: &[&str], ways: &[&str], closed: &[&str]| {
        let allowed_networks = allowed.iter().map(ToString::to_string).collect();
        let Some(real) =
            configured(|settings| Settings { network, allowed_networks, ..settings }).await
        else {
            return;
        };
        let log = said(&real, &format!("network-{}", [ways, closed].concat().join("-"))).await;
        let has = |line: String| {
            assert!(
                log.lines().any(|own| own == line),
                "{network:?} {allowed:?}: no line `{line}` in {log}"
            )
        };
        ways.iter().for_each(|address| has(format!("route to {address}")));
        closed.iter().for_each(|address| has(format!("no route to {address}")));
        real.end().await;
    };
    let private = ["10.1.2.3", "100.64.0.1", "169.254.169.254", "172.16.5.5", "192.168.7.1"];
    check(NetworkMode::Private, &[], &["192.0.2.1"], &private).await;
    check(NetworkMode::Private, &["192.168.7.0/24"], &["192.168.7.1"], &["192.168.8.1"]).await;
    check(NetworkMode::None, &[], &[], &["192.0.2.1"]).await;
}

#[tokio::test]
async fn steps_see_the_configured_sources_and_nothing_of_the_builder() {
    let bundle = tempfile::NamedTempFile::new().unwrap();
    let packages = PackageSources {
        apt_sources: "deb http://mirror.example/debian bookworm main".to_owned(),
        proxy: "http://user:canary-password@proxy.example:3128".to_owned(),
        ca_bundle: Some(bundle.path().to_owned()),
        ..PackageSources::default()
    };
    let Some(real) = real(packages).await else { return };
    let log = said(&real, "surroundings").await;
    for want in [
        "Dir::Etc::sourcelist=/run/slipway/sources.list",
        "Acquire::https::CaInfo=/run/slipway/ca.pem",
        "https_proxy=http://***@proxy.example:3128",
        "DEBIAN_FRONTEND=noninteractive",
        "--no-install-recommends",
    ] {
        assert!(log.contains(want), "{want}: {log}");
    }
    assert!(!log.contains("canary-password"), "{log}");
    assert!(
        !log.contains("SLIPWAY_TEST") && !log.contains("CONTAINERS_STORAGE_CONF"),
        "the builder's own environment: {log}"
    );
    real.end().await;
}

#[tokio::test]
async fn forged_marks_do_not_move_the_blame() {
    let Some(real) = real(PackageSources::default()).await else { return };
    let build = build(&real.registry, &puppet(&real), &["marks"], &[]);
    let failure = make(&real.executor, &build, &Memory::default()).await.unwrap_err();
    assert_eq!(
        (failure.reason, failure.step.as_str()),
        (FailureReason::AptFailed, "apt"),
        "{failure}"
    );
    assert!(!failure.message.contains('\u{1b}'), "{failure:?}");
    real.end().await;
}

#[tokio::test]
async fn hostile_bases_are_refused() {
    let Some(real) = real(PackageSources::default()).await else { return };
    let check = async |name: &str, instructions: &str, want: &str| {
        let base =
            base::derived(&Ordinary::find().unwrap(), &real.registry, name, instructions).unwrap();
        let failure =
            make(&real.executor, &build(&real.registry, &base, &["jq"], &[]), &Memory::default())
                .await
                .unwrap_err();
        assert_eq!(
            (failure.reason, failure.step.as_str()),
            (FailureReason::BaseRefused, "resolve"),
            "{failure}"
        );
        assert!(failure.message.contains(want), "{failure}");
    };
    check("onbuild", "ONBUILD RUN id\n", "ONBUILD").await;
    check("user", "USER a b\n", "USER").await;
    real.end().await;
}

#[tokio::test]
async fn the_image_keeps_what_the_base_says_of_running_it() {
    let Some(real) = real(PackageSources::default()).await else { return };
    let instructions = "USER 1000:100\nWORKDIR /srv\nENTRYPOINT [\"/bin/true\", \"x\"]\n";
    let base =
        base::derived(&Ordinary::find().unwrap(), &real.registry, "keeps", instructions).unwrap();
    let build = build(&real.registry, &base, &["jq"], &[]);
    let pushed = make(&real.executor, &build, &Memory::default()).await.unwrap();
    let image = format!("docker://{}@{}", build.request.repository, pushed.digest);
    let output = tokio::process::Command::new("skopeo")
        .args(["inspect", "--config", "--tls-verify=false", &image])
        .output()
        .await
        .unwrap();
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let config = &config["config"];
    assert_eq!(
        (config["User"].as_str(), config["WorkingDir"].as_str()),
        (Some("1000:100"), Some("/srv")),
        "{config}"
    );
    assert_eq!(config["Entrypoint"], serde_json::json!(["/bin/true", "x"]));
    assert_eq!(config["Labels"]["dev.slipway.build"], build.request.id.to_string());
    real.end().await;
}

#[tokio::test]
async fn unfit_hosts_and_settings_are_refused() {
    let Some(real) = real(PackageSources::default()).await else { return };
    let refused = async |change: &dyn Fn(Settings) -> Settings| {
        let folder = TempDir::new_in(std::env::var("HOME").unwrap()).unwrap();
        let settings = Settings {
            data_dir: folder.path().to_owned(),
            network: NetworkMode::Private,
            allowed_networks: Vec::new(),
            limits: Limits::default(),
            accept_unenforced: Resource::ALL.to_vec(),
            insecure_registries: Vec::new(),
            packages: PackageSources::default(),
        };
        let registries = Registries::new(&slipway_registry::Settings::default());
        Buildah::new(change(settings), Policy::default(), registries)
            .await
            .err()
            .map_or_else(String::new, |unfit| unfit.to_string())
    };
    let shared = real.folder.path().to_owned();
    let check =
        |said: String, want: &str| assert!(said.contains(want), "{said:?} does not say {want}");
    check(
        refused(&|settings| Settings { data_dir: shared.clone(), ..settings }).await,
        "in use by another builder",
    );
    check(
        refused(&|settings| Settings {
            limits: Limits { cpus: 0.0, ..Limits::default() },
            ..settings
        })
        .await,
        "`executor.limits.cpus`",
    );
    check(
        refused(&|settings| Settings { data_dir: "/proc/slipway".into(), ..settings }).await,
        "`executor.data_dir`: /proc/slipway",
    );
    check(
        refused(&|settings| Settings {
            allowed_networks: vec!["everything".to_owned()],
            ..settings
        })
        .await,
        "executor.network",
    );
    real.end().await;
}

#[tokio::test]
async fn limits_hold() {
    if env::server(env::CONTROL_GROUPS).is_none() {
        return;
    }
    let limits = Limits {
        memory_bytes: 256 << 20,
        processes: 200,
        disk_bytes: 400 << 20,
        image_bytes: 50 << 20,
        ..Limits::default()
    };
    let Some(real) = limited(limits, PackageSources::default()).await else { return };
    exceeds(&real, "memory", FailureReason::MemoryExceeded, "apt").await;
    exceeds(&real, "processes", FailureReason::ProcessesExceeded, "apt").await;
    exceeds(&real, "disk", FailureReason::DiskExceeded, "apt").await;
    exceeds(&real, "image", FailureReason::SizeExceeded, "commit").await;

    let log = said(&real, "limits").await;
    assert!(
        log.contains("Read-only file system") && !log.contains("LIFTED"),
        "a step can lift its limits: {log}"
    );
    assert_eq!(real.attempts(), 0);
    real.end().await;
}

#[tokio::test]
async fn limits_of_time_hold() {
    if env::server(env::CONTROL_GROUPS).is_none() {
        return;
    }
    let limits = Limits { cpus: 0.25, idle_seconds: 8, ..Limits::default() };
    let Some(real) = limited(limits, PackageSources::default()).await else { return };
    exceeds(&real, "silence", FailureReason::IdleTooLong, "apt").await;
    let log = said(&real, "processors").await;
    let seconds: f64 = log
        .lines()
        .find_map(|line| line.strip_prefix("processor seconds: "))
        .unwrap_or_else(|| panic!("{log}"))
        .parse()
        .unwrap();
    assert!(seconds < 1.5, "{seconds} s of processor time in 3 s on a quarter of a processor");
    real.end().await;
}

async fn exceeds(real: &Real, deed: &str, reason: FailureReason, step: &str) {
    let memory = Memory::default();
    let outcome =
        make(&real.executor, &build(&real.registry, &puppet(real), &[deed], &[]), &memory).await;
    let failure = outcome.map_err(|failure| (failure.reason, failure.step));
    assert_eq!(failure, Err((reason, step.to_owned())), "{deed}: {}", memory.text());
}

#[tokio::test]
async fn a_base_of_too_many_layers_is_refused() {
    let Some(real) =
        limited(Limits { layers: 2, ..Limits::default() }, PackageSources::default()).await
    else {
        return;
    };
    let failure =
        make(&real.executor, &build(&real.registry, &real.base, &["jq"], &[]), &Memory::default())
            .await
            .unwrap_err();
    assert_eq!(
        (failure.reason, failure.step.as_str()),
        (FailureReason::LayersExceeded, "resolve"),
        "{failure}"
    );
    real.end().await;
}

/// Processes whose command line or environment names the attempt.
fn processes_of(marker: &str) -> usize {
    let names_it = |path: &Path, file: &str| {
        std::fs::read(path.join(file))
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(marker))
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    entries
        .filter(|path| {
            path.file_name().is_some_and(|name| {
                name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit())
            })
        })
        .filter(|path| names_it(path, "cmdline") || names_it(path, "environ"))
        .count()
}

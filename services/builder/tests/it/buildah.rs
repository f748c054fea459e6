//! Properties that only the real executor has: isolation, limits, clean-up, and resistance to
//! hostile bases and packages.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use slipway_builder::{
    domain::{
        build::{Build, Pushed},
        failure::FailureReason,
        step::Step,
    },
    executor::buildah::{Buildah, Limits, NetworkMode, PackageSources, Resource, Settings},
    worker::{executor::Executor as _, log_sink::LogSink},
};
use slipway_names::{id::BuildId, unit::ByteCount};
use slipway_packages::PackageRules;
use slipway_registry::{Registries, RegistryConfig};
use slipway_testrig::{base_image, env, package_hosts, user::UnprivilegedUser};
use tempfile::TempDir;
use tokio::process::Command;

use crate::executor::{MemoryLog, build, check_failure, succeed};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// buildah with a real registry, and a data directory that the user namespace can clear.
pub(crate) struct BuildahFixture {
    pub(crate) executor: Buildah,
    pub(crate) registry: String,
    pub(crate) base: String,
    folder: TempDir,
}

impl BuildahFixture {
    pub(crate) async fn new(packages: PackageSources) -> Option<Self> {
        Self::with_limits(Limits { idle_seconds: 120, ..Limits::default() }, packages).await
    }

    async fn with_limits(limits: Limits, packages: PackageSources) -> Option<Self> {
        Self::with_settings(|settings| Settings { limits, packages, ..settings }).await
    }

    async fn with_settings(change: impl FnOnce(Settings) -> Settings) -> Option<Self> {
        let registry = env::server(env::REGISTRY)?;
        let folder = data_dir();
        // The second name makes another registry of the same one.
        let insecure = vec![registry.clone(), registry.replace("127.0.0.1", "localhost")];
        let settings = change(Settings {
            insecure_registries: insecure.clone(),
            ..default_settings(folder.path())
        });
        let network = settings.network;

        let registries = Registries::new(&RegistryConfig { insecure });
        let (executor, isolation) =
            Buildah::new(settings, PackageRules::default(), registries).await.unwrap();

        // Written directly, because libtest hides the output of tests that pass.
        let _ = writeln!(std::io::stderr(), "{isolation}");
        assert!(isolation.loopback_closed, "{isolation}");
        assert_eq!(isolation.network, network);
        if std::env::var(env::CONTROL_GROUPS).is_ok() {
            assert_eq!(isolation.unenforced, [], "{isolation}");
        }

        let base = format!("{registry}/{}", base_image::REPOSITORY);
        Some(Self { executor, registry, base, folder })
    }

    pub(crate) fn attempt_folders(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("attempts")).unwrap().count()
    }

    /// Removes the data directory. The bases belong to users of the user namespace, so a plain
    /// removal would fail.
    pub(crate) async fn remove(self) {
        let status = Command::new("unshare")
            .args(["--user", "--map-root-user", "--map-auto", "rm", "-rf"])
            .arg(self.folder.path().join("bases"))
            .status()
            .await;

        assert!(status.unwrap().success());
    }

    /// A base with a fake apt-get: the name of a package selects its behaviour.
    fn fake_apt_base(&self) -> String {
        base_image::ensure_fake_apt_base(&UnprivilegedUser::find().unwrap(), &self.registry)
            .unwrap()
    }

    /// A base with the fake apt-get and more instructions.
    pub(crate) fn derived_base(&self, name: &str, instructions: &str) -> String {
        let user = UnprivilegedUser::find().unwrap();
        base_image::ensure_derived_base(&user, &self.registry, name, instructions).unwrap()
    }

    /// A build in which the fake apt-get shows this behaviour.
    fn fake_build(&self, behaviour: &str) -> Build {
        build(&self.registry, &self.fake_apt_base(), &[behaviour], &[])
    }

    /// The log of a build that succeeds with this behaviour of apt-get.
    async fn log_of(&self, behaviour: &str) -> String {
        let log = MemoryLog::default();
        succeed(&self.executor, &self.fake_build(behaviour), &log).await;

        log.text()
    }

    async fn check_limit(&self, behaviour: &str, reason: FailureReason, step: Step) {
        check_failure(&self.executor, &self.fake_build(behaviour), reason, step).await;
    }
}

fn data_dir() -> TempDir {
    TempDir::new_in(std::env::var("HOME").unwrap()).unwrap()
}

fn default_settings(data_dir: &Path) -> Settings {
    Settings {
        accept_unenforced: Resource::ALL.to_vec(),
        allowed_networks: package_hosts::ranges(),
        ..Settings::new(data_dir.to_owned())
    }
}

pub(crate) fn pushed_image(build: &Build, pushed: &Pushed) -> String {
    format!("docker://{}@{}", build.request.repository, pushed.digest)
}

#[tokio::test]
async fn pip_packages_are_installed_into_a_base_without_pip() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };
    let log = MemoryLog::default();
    let build = build(&fixture.registry, &fixture.base, &[], &["humanize>=4"]);

    let pushed = succeed(&fixture.executor, &build, &log).await;

    assert!(log.text().contains("Successfully installed humanize-"), "{}", log.text());
    assert_eq!(pushed.reference, format!("{}:r1-1", build.request.repository));
    fixture.remove().await;
}

/// Installs a fake pip that prints its index.
const FAKE_PIP: &str = "RUN mkdir -p /usr/lib/python3/dist-packages/pip && \
    printf 'import os\\nprint(\"index\", os.environ.get(\"PIP_INDEX_URL\"))\\n' \
    >/usr/lib/python3/dist-packages/pip/__main__.py\n";

/// Prints canaries, and paths of files that steps use, from all blobs of the image in `$1`.
const FIND_TRACES: &str = r#"cd "$1"
for file in *; do
    (gzip -dc "$file" 2>/dev/null || cat "$file") |
        grep -a -o -E 'canary-[a-z-]+|run/slipway/[a-z.]+|var/lib/apt/lists/[a-z]+[._][^ ]*' |
        sort -u
done"#;

#[tokio::test]
async fn package_sources_leave_no_trace_in_the_image() {
    let packages = PackageSources {
        apt_sources: "deb http://mirror.example/debian bookworm main # canary-sources".to_owned(),
        pip_index_url: "https://canary-user:canary-password@index.example/simple".to_owned(),
        no_proxy: "canary-no-proxy".to_owned(),
        ..PackageSources::default()
    };
    let Some(fixture) = BuildahFixture::new(packages).await else { return };
    let log = MemoryLog::default();
    let base = fixture.derived_base("pip", FAKE_PIP);
    let build = build(&fixture.registry, &base, &["jq"], &["humanize>=4"]);

    let pushed = succeed(&fixture.executor, &build, &log).await;

    let text = log.text();
    assert!(text.contains("index https://***@index.example/simple"), "{text}");
    assert!(!text.contains("canary-password"), "{text}");

    let copy = fixture.folder.path().join("copy");
    copy_image(&pushed_image(&build, &pushed), &copy).await;
    let output =
        Command::new("sh").args(["-c", FIND_TRACES, "search"]).arg(&copy).output().await.unwrap();
    let output = String::from_utf8_lossy(&output.stdout);

    // The history of the image names the fixed scripts.
    let is_script = |line: &str| {
        line.starts_with("run/slipway/apt.sh") || line.starts_with("run/slipway/pip.sh")
    };
    let traces: Vec<&str> = output.lines().filter(|line| !is_script(line)).collect();
    assert_eq!(traces, Vec::<&str>::new());
    fixture.remove().await;
}

async fn copy_image(image: &str, folder: &Path) {
    let status = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", image])
        .arg(format!("dir:{}", folder.display()))
        .status()
        .await;

    assert!(status.unwrap().success());
}

#[tokio::test]
async fn dropped_build_ends_all_its_processes() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };
    let behaviour = format!("silence-{}", BuildId::new());
    let build = fixture.fake_build(&behaviour);
    let mut log = LogSink::new(Arc::new(MemoryLog::default()), build.request.id, build.attempt);

    let base = fixture.executor.prepare(&build, &mut log).await.unwrap();
    tokio::select! {
        outcome = fixture.executor.install(&build, &base, &mut log) => {
            panic!("the step ended before it was dropped: {outcome:?}")
        }
        () = process_starts(&behaviour) => {}
    }

    let attempt = format!("{}-1", build.request.id);
    let dropped = Instant::now();
    while count_processes(&behaviour) + count_processes(&attempt) > 0 {
        assert!(
            dropped.elapsed() < KILL_TIMEOUT,
            "{} processes of the step and {} of the attempt still run",
            count_processes(&behaviour),
            count_processes(&attempt)
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }

    fixture.executor.remove_attempt(build.request.id, build.attempt).await;
    assert_eq!(fixture.attempt_folders(), 0);
    fixture.remove().await;
}

async fn process_starts(marker: &str) {
    while count_processes(marker) == 0 {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Processes whose command line or environment contains the marker.
fn count_processes(marker: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_process(path))
        .filter(|path| {
            contains(&path.join("cmdline"), marker) || contains(&path.join("environ"), marker)
        })
        .count()
}

fn is_process(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
}

fn contains(file: &Path, marker: &str) -> bool {
    std::fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(marker))
}

#[tokio::test]
async fn steps_reach_no_special_network_that_is_not_allowed() {
    let public = "1.1.1.1";
    let special = [
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.5.5",
        "192.0.2.1",
        "192.168.7.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
    ];

    check_routes(NetworkMode::Private, &[], &[public], &special).await;
    // A range that equals a closed one, and a part of a closed one.
    let allowed = ["192.168.0.0/16", "203.0.113.7/32"];
    let reachable = ["192.168.7.1", "203.0.113.7"];
    check_routes(NetworkMode::Private, &allowed, &reachable, &["203.0.113.8"]).await;
    check_routes(NetworkMode::None, &[], &[], &[public]).await;
}

#[tokio::test]
async fn steps_cannot_connect_to_the_addresses_of_the_host() {
    let Some(address) = host_address() else { return };
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    TcpStream::connect((address, port)).expect("the host itself can connect");

    // The range around the address is allowed, so that only the address itself is closed.
    let [a, b, c, _] = address.octets();
    let allowed_networks = vec![format!("{a}.{b}.{c}.0/24")];
    let fixture =
        BuildahFixture::with_settings(|settings| Settings { allowed_networks, ..settings });
    let Some(fixture) = fixture.await else { return };
    let log = fixture.log_of(&format!("connect-{address}-{port}")).await;

    assert!(log.contains("connection closed"), "{log}");
    fixture.remove().await;
}

/// An address of this host that is not its loopback.
fn host_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // Looks up the route, and sends nothing.
    socket.connect(("1.1.1.1", 9)).ok()?;

    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

async fn check_routes(
    network: NetworkMode,
    allowed: &[&str],
    reachable: &[&str],
    unreachable: &[&str],
) {
    let allowed_networks = allowed.iter().map(ToString::to_string).collect();
    let fixture = BuildahFixture::with_settings(|settings| Settings {
        network,
        allowed_networks,
        ..settings
    });
    let Some(fixture) = fixture.await else { return };

    let addresses = [reachable, unreachable].concat().join("-");
    let log = fixture.log_of(&format!("network-{addresses}")).await;

    let routes = reachable.iter().map(|address| format!("route to {address}"));
    let no_routes = unreachable.iter().map(|address| format!("no route to {address}"));
    for want in routes.chain(no_routes) {
        assert!(
            log.lines().any(|line| line == want),
            "{network:?}, allowed {allowed:?}: no line `{want}` in {log}"
        );
    }
    fixture.remove().await;
}

/// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT
/// and SETFCAP, as bits of capability.h.
const STEP_CAPABILITIES: &str = "00000000800405fb";

#[tokio::test]
async fn steps_have_the_capabilities_of_package_managers_only() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };

    let log = fixture.log_of("capabilities").await;

    assert!(log.contains(&format!("CapEff:\t{STEP_CAPABILITIES}")), "{log}");
    fixture.remove().await;
}

#[tokio::test]
async fn steps_get_the_package_sources_but_not_the_environment_of_the_builder() {
    let bundle = tempfile::NamedTempFile::new().unwrap();
    let packages = PackageSources {
        apt_sources: "deb http://mirror.example/debian bookworm main".to_owned(),
        proxy: "http://user:canary-password@proxy.example:3128".to_owned(),
        ca_bundle: Some(bundle.path().to_owned()),
        ..PackageSources::default()
    };
    let Some(fixture) = BuildahFixture::new(packages).await else { return };

    let log = fixture.log_of("surroundings").await;

    for want in [
        "Dir::Etc::sourcelist=/run/slipway/sources.list",
        "Acquire::https::CaInfo=/run/slipway/ca.pem",
        "https_proxy=http://***@proxy.example:3128",
        "DEBIAN_FRONTEND=noninteractive",
        "--no-install-recommends",
    ] {
        assert!(log.contains(want), "no `{want}` in {log}");
    }
    for secret in ["canary-password", "SLIPWAY_TEST", "CONTAINERS_STORAGE_CONF"] {
        assert!(!log.contains(secret), "`{secret}` in {log}");
    }
    fixture.remove().await;
}

#[tokio::test]
async fn forged_step_marks_do_not_change_the_failed_step() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };
    let build = fixture.fake_build("marks");

    let failure =
        check_failure(&fixture.executor, &build, FailureReason::AptFailed, Step::Apt).await;

    assert!(!failure.message.contains('\u{1b}'), "{failure:?}");
    fixture.remove().await;
}

#[tokio::test]
async fn bases_with_onbuild_or_malformed_user_are_refused() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };

    for (name, instructions, want) in
        [("onbuild", "ONBUILD RUN id\n", "ONBUILD"), ("user", "USER a b\n", "USER")]
    {
        let base = fixture.derived_base(name, instructions);
        let build = build(&fixture.registry, &base, &["jq"], &[]);

        let failure =
            check_failure(&fixture.executor, &build, FailureReason::BaseRefused, Step::Resolve)
                .await;
        assert!(failure.message.contains(want), "{failure}");
    }
    fixture.remove().await;
}

#[tokio::test]
async fn image_keeps_user_workdir_and_entrypoint_of_its_base() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };
    let instructions = "USER 1000:100\nWORKDIR /srv\nENTRYPOINT [\"/bin/true\", \"x\"]\n";
    let base = fixture.derived_base("keeps", instructions);
    let build = build(&fixture.registry, &base, &["jq"], &[]);

    let pushed = succeed(&fixture.executor, &build, &MemoryLog::default()).await;

    let output = Command::new("skopeo")
        .args(["inspect", "--config", "--tls-verify=false", &pushed_image(&build, &pushed)])
        .output()
        .await
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let config = &document["config"];

    assert_eq!(config["User"], "1000:100", "{config}");
    assert_eq!(config["WorkingDir"], "/srv", "{config}");
    assert_eq!(config["Entrypoint"], serde_json::json!(["/bin/true", "x"]));
    assert_eq!(config["Labels"]["dev.slipway.build"], build.request.id.to_string());
    fixture.remove().await;
}

#[tokio::test]
async fn unusable_settings_are_refused_at_start() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };

    let shared = fixture.folder.path().to_owned();
    check_refusal(
        |settings| Settings { data_dir: shared, ..settings },
        "in use by another builder",
    )
    .await;

    let limits = Limits { cpus: 0.0, ..Limits::default() };
    check_refusal(|settings| Settings { limits, ..settings }, "`executor.limits.cpus`").await;

    check_refusal(
        |settings| Settings { data_dir: "/proc/slipway".into(), ..settings },
        "`executor.data_dir`: /proc/slipway",
    )
    .await;

    check_refusal(
        |settings| Settings { data_dir: "/var/lib/containers/slipway".into(), ..settings },
        "choose a folder elsewhere",
    )
    .await;

    let allowed_networks = vec!["everything".to_owned()];
    check_refusal(|settings| Settings { allowed_networks, ..settings }, "executor.network").await;

    fixture.remove().await;
}

async fn check_refusal(change: impl FnOnce(Settings) -> Settings, want: &str) {
    let folder = data_dir();
    let settings = change(default_settings(folder.path()));
    let registries = Registries::new(&RegistryConfig::default());

    let Err(error) = Buildah::new(settings, PackageRules::default(), registries).await else {
        panic!("the settings are accepted; the error should contain {want}");
    };
    let message = error.to_string();
    assert!(message.contains(want), "{message:?} does not contain {want}");
}

#[tokio::test]
async fn exceeded_resource_limits_fail_the_step() {
    if env::server(env::CONTROL_GROUPS).is_none() {
        return;
    }
    let limits = Limits {
        memory_bytes: ByteCount::mebibytes(256),
        processes: 200,
        disk_bytes: ByteCount::mebibytes(400),
        image_bytes: ByteCount::mebibytes(50),
        ..Limits::default()
    };
    let fixture = BuildahFixture::with_limits(limits, PackageSources::default()).await;
    let Some(fixture) = fixture else { return };

    fixture.check_limit("memory", FailureReason::MemoryExceeded, Step::Apt).await;
    fixture.check_limit("processes", FailureReason::ProcessesExceeded, Step::Apt).await;
    fixture.check_limit("disk", FailureReason::DiskExceeded, Step::Apt).await;
    fixture.check_limit("image", FailureReason::SizeExceeded, Step::Commit).await;

    let log = fixture.log_of("limits").await;
    assert!(log.contains("Read-only file system"), "no try to raise a limit: {log}");
    assert!(!log.contains("LIFTED"), "a step can raise its limits: {log}");
    assert_eq!(fixture.attempt_folders(), 0);
    fixture.remove().await;
}

#[tokio::test]
async fn idle_and_processor_limits_are_enforced() {
    if env::server(env::CONTROL_GROUPS).is_none() {
        return;
    }
    let limits = Limits { cpus: 0.25, idle_seconds: 8, ..Limits::default() };
    let fixture = BuildahFixture::with_limits(limits, PackageSources::default()).await;
    let Some(fixture) = fixture else { return };

    fixture.check_limit("silence", FailureReason::IdleTooLong, Step::Apt).await;

    let log = fixture.log_of("processors").await;
    let seconds: f64 = log
        .lines()
        .find_map(|line| line.strip_prefix("processor seconds: "))
        .unwrap_or_else(|| panic!("{log}"))
        .parse()
        .unwrap();
    assert!(seconds < 1.5, "{seconds} s of processor time in 3 s on a quarter of a processor");
    fixture.remove().await;
}

#[tokio::test]
async fn base_with_too_many_layers_is_refused() {
    let limits = Limits { layers: 2, ..Limits::default() };
    let fixture = BuildahFixture::with_limits(limits, PackageSources::default()).await;
    let Some(fixture) = fixture else { return };
    let build = build(&fixture.registry, &fixture.base, &["jq"], &[]);

    check_failure(&fixture.executor, &build, FailureReason::LayersExceeded, Step::Resolve).await;
    fixture.remove().await;
}

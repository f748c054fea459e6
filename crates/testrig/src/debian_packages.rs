//! Debian packages that development needs, installed without starting their servers.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

/// Packages for builds, the registry of the demo and base images.
pub const BUILD: &[&str] = &[
    "buildah",
    "runc",
    "slirp4netns",
    "uidmap",
    "iproute2",
    "docker-registry",
    "skopeo",
    "mmdebstrap",
    "python3-pip-whl",
    "ca-certificates",
    "fuse-overlayfs",
];
/// Packages for the full stack and the tests.
pub const SERVERS: &[&str] = &["postgresql", "rabbitmq-server"];
/// Packages for checks that are Python wheels and npm packages.
pub const CHECKS: &[&str] = &["python3", "python3-pip"];

/// While this file exists and exits with 101, packages do not start their servers (Debian,
/// policy-rc.d).
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";
const CLUSTER_CONFIG: &str = "/etc/postgresql-common/createcluster.conf";

/// Installs the missing packages, as root or by sudo. Without either, the error shows the command
/// to run.
///
/// # Errors
/// If a package is missing and cannot be installed.
pub fn ensure_installed(wanted: &[&str]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }

    let missing = missing.join(" ");
    eprintln!("missing Debian packages: {missing}");
    let install =
        format!("apt-get update && apt-get install --yes --no-install-recommends {missing}");
    if !is_root() && !has_sudo() {
        bail!("run this command, then repeat the failed one:\n  sudo sh -c '{install}'");
    }

    // Tests start the servers themselves, on ports of their own.
    let had_policy = Path::new(SERVICE_POLICY).exists();
    run_logged(privileged_command(&["sh", "-c", &script_without_server_starts()]))?;
    let installed = run_logged(privileged_command(&["sh", "-c", &install]));
    if !had_policy {
        run_logged(privileged_command(&["rm", "-f", SERVICE_POLICY]))?;
    }

    installed
}

/// A script that keeps packages from starting servers and creating a PostgreSQL cluster.
fn script_without_server_starts() -> String {
    let folder = Path::new(CLUSTER_CONFIG).parent().unwrap_or(Path::new("/")).display();

    format!(
        "test -e {SERVICE_POLICY} || {{ \
             printf '#!/bin/sh\\nexit 101\\n' >{SERVICE_POLICY}; chmod 755 {SERVICE_POLICY}; \
         }}; \
         mkdir -p {folder}; \
         test -e {CLUSTER_CONFIG} || echo 'create_main_cluster = false' >{CLUSTER_CONFIG}"
    )
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn has_sudo() -> bool {
    let output = Command::new("sudo").args(["-n", "true"]).output();
    output.is_ok_and(|output| output.status.success())
}

fn privileged_command(arguments: &[&str]) -> Command {
    let mut words = if is_root() { Vec::new() } else { vec!["sudo", "-n"] };
    words.extend(arguments);

    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output();

    output.is_ok_and(|output| output.stdout == b"installed")
}

/// Runs a command with its output in a file. The output is shown only if the command fails.
fn run_logged(mut command: Command) -> Result<()> {
    let log = std::env::temp_dir().join("slipway-apt.log");
    let file = fs::File::create(&log)?;

    let status = command
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("{command:?}"))?;

    ensure!(
        status.success(),
        "{command:?} failed:\n{}",
        fs::read_to_string(&log).unwrap_or_default()
    );
    Ok(())
}

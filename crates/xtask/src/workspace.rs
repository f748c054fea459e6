//! The folders of the workspace, and running cargo.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use slipway_testrig::user::UnprivilegedUser;

/// The folder of the root Cargo.toml.
///
/// Cargo sets `CARGO_MANIFEST_DIR` when it runs xtask. The path known at compile time could belong
/// to another clone that shares the target directory.
pub(crate) fn root() -> PathBuf {
    let package = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".to_owned());
    let root: PathBuf = Path::new(&package).join("../..").components().collect();

    root.canonicalize().unwrap_or_else(|_| PathBuf::from("."))
}

pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.current_dir(root());
    command
}

/// Runs the command with our standard output and error. Fails if its exit code is not 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Runs the command and gives each line of its standard output and error to `record` at once.
pub(crate) fn run_by_line(
    command: &mut Command,
    mut record: impl FnMut(&str),
) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    // The command holds our write ends of the pipe; the reader would never reach the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    for line in BufReader::new(reader).split(b'\n') {
        record(&String::from_utf8_lossy(&line?));
    }
    Ok(child.wait()?)
}

const PROGRAMS: &[&str] =
    &["slipway", "slipway-standalone", "slipway-permission", "slipway-catalog", "slipway-builder"];

#[derive(Debug, Clone, Copy)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// Builds all programs and copies them into a folder of the unprivileged user.
pub(crate) fn build_programs(user: &UnprivilegedUser, profile: Profile) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--bins", "--workspace"]);
    let (built, folder) = match profile {
        Profile::Debug => ("debug", "bin"),
        Profile::Release => {
            build.arg("--release");
            ("release", "bench-bin")
        }
    };
    run(&mut build)?;

    copy_programs(&target_dir()?.join(built), &user.folder(folder)?)
}

/// Copies all programs into the folder, and returns it.
pub(crate) fn copy_programs(from: &Path, folder: &Path) -> Result<PathBuf> {
    for program in PROGRAMS {
        copy(&from.join(program), &folder.join(program))?;
    }
    Ok(folder.to_owned())
}

/// Copies under another name and renames, because a running program cannot be overwritten.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let unfinished = to.with_extension("new");
    std::fs::copy(from, &unfinished).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(std::fs::rename(&unfinished, to)?)
}

fn target_dir() -> Result<PathBuf> {
    let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;

    let target_dir = metadata["target_directory"].as_str();
    Ok(PathBuf::from(target_dir.context("cargo metadata has no target_directory")?))
}

//! All tests, on real servers, as the ordinary user.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use slipway_testrig::{base, env, packages, postgres::Postgres, process, rabbitmq::RabbitMq, registry::Registry, user::Ordinary};

use crate::workspace::{cargo, copy, programs};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only what needs no servers.
    #[arg(long)]
    fast: bool,
    /// Do not fail when a part is missing and tests skipped because of it.
    #[arg(long)]
    allow_skips: bool,
    /// Only tests whose name contains this.
    filter: Option<String>,
}

/// What tests need beside PostgreSQL and RabbitMQ.
struct Servers {
    postgres: Postgres,
    rabbitmq: RabbitMq,
    registry: Registry,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.fast {
        let executables = executables()?;
        return report(&executables, arguments, |path| {
            let mut command = Command::new(path);
            command.env(env::FAST, "1");
            command
        });
    }
    packages::ensure_installed(packages::BUILD)?;
    packages::ensure_installed(packages::SERVERS)?;
    let user = Ordinary::find()?;
    let records = user.home().join("run/test");
    process::clean(&records)?;
    let executables = executables()?;
    let bin = programs(&user)?;
    let servers = Servers {
        postgres: Postgres::start(&user, &records)?,
        rabbitmq: RabbitMq::start(&user, &records)?,
        registry: Registry::start(&user, &records)?,
    };
    base::ensure_base(&user, &servers.registry.address)?;
    let skips = user.home().join("skips");
    let _ = fs::remove_file(&skips);
    let folder = user.folder("tests")?;
    let copied = executables.iter().map(|path| copied(path, &folder)).collect::<Result<Vec<_>>>()?;
    report(&copied, arguments, |path| {
        let mut command = user.command(path);
        command
            .env(env::POSTGRES, servers.postgres.url("postgres"))
            .env(env::RABBITMQ, servers.rabbitmq.url("builder"))
            .env(env::REGISTRY, &servers.registry.address);
        command
            .env("SLIPWAY_TEST_RABBITMQ_CATALOG", servers.rabbitmq.url("catalog"))
            .env("SLIPWAY_TEST_RABBITMQ_PERMISSION", servers.rabbitmq.url("permission"));
        if user.has_control_groups() {
            command.env(env::CONTROL_GROUPS, "1");
        }
        command.env(env::SKIPS, &skips).env("SLIPWAY_TEST_BIN", &bin).env("RUST_BACKTRACE", "1");
        command
    })?;
    match fs::read_to_string(&skips) {
        Ok(text) if !arguments.allow_skips => bail!("tests were skipped:\n{text}"),
        _ => Ok(()),
    }
}

/// Builds all test binaries; returns them in a stable order.
fn executables() -> Result<Vec<PathBuf>> {
    let output = cargo().args(["test", "--workspace", "--no-run", "--quiet", "--message-format=json"]).stderr(Stdio::inherit()).output()?;
    let mut executables = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        if let Some(text) = message["message"]["rendered"].as_str() {
            eprint!("{text}");
        }
        if message["profile"]["test"] == true
            && let Some(path) = message["executable"].as_str()
        {
            executables.push(PathBuf::from(path));
        }
    }
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    executables.sort();
    Ok(executables)
}

fn copied(path: &Path, folder: &Path) -> Result<PathBuf> {
    let name = path.file_name().context("a test binary has no name")?.to_string_lossy();
    let to = folder.join(name.rsplit_once('-').map_or(name.as_ref(), |(stem, _)| stem));
    let to = if to.exists() { folder.join(name.as_ref()) } else { to };
    copy(path, &to)?;
    Ok(to)
}

/// Runs each binary; ends with the line `N passed, N failed`.
fn report(executables: &[PathBuf], arguments: &Arguments, command: impl Fn(&Path) -> Command) -> Result<()> {
    let (mut passed, mut failed) = (0, 0);
    for path in executables {
        let mut command = command(path);
        command.args(arguments.filter.iter()).args(["--test-threads", "4"]);
        let output = command.output().with_context(|| format!("{command:?}"))?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let count = |word: &str| -> usize {
            let line = text.lines().rev().find(|line| line.starts_with("test result:")).unwrap_or_default();
            line.split(';')
                .find_map(|part| {
                    part.trim()
                        .trim_start_matches("test result: ok. ")
                        .trim_start_matches("test result: FAILED. ")
                        .strip_suffix(word)?
                        .trim()
                        .parse()
                        .ok()
                })
                .unwrap_or(0)
        };
        let (own_passed, own_failed) = (count("passed"), count("failed"));
        let own_failed = if !output.status.success() && own_failed == 0 { 1 } else { own_failed };
        passed += own_passed;
        failed += own_failed;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if own_failed > 0 {
            println!("{text}\n{name}: {own_passed} passed, {own_failed} failed");
        } else if own_passed > 0 {
            println!("{name}: {own_passed} passed");
        }
    }
    println!("{passed} passed, {failed} failed");
    match failed {
        0 => Ok(()),
        _ => bail!("{failed} tests failed"),
    }
}

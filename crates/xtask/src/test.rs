//! All tests, on real servers, as the ordinary user.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use slipway_testrig::{
    base, env, packages, postgres::Postgres, process, rabbitmq::RabbitMq, registry::Registry,
    user::Ordinary,
};

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

/// What tests run against. With `--allow-skips`, one that cannot be had is not there.
struct Servers {
    postgres: Option<Postgres>,
    rabbitmq: Option<RabbitMq>,
    registry: Option<Registry>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.fast {
        let skips = tempfile::NamedTempFile::new()?;
        let executables = executables()?;
        let tally = run_all(&executables, arguments, |path| {
            let mut command = Command::new(path);
            command.env(env::FAST, "1").env(env::SKIPS, skips.path());
            command
        })?;
        return tally.report(&fs::read_to_string(skips.path())?, true);
    }
    let had = |what: &str, outcome: Result<()>| match outcome {
        Err(error) if arguments.allow_skips => {
            println!("SKIPPED because {what} cannot be had: {error:#}");
            Ok(())
        }
        outcome => outcome,
    };
    had("what builds need", packages::ensure_installed(packages::BUILD))?;
    had("the servers' packages", packages::ensure_installed(packages::SERVERS))?;
    let user = Ordinary::find()?;
    let records = user.home().join("run/test");
    process::clean(&records)?;
    let executables = executables()?;
    let bin = programs(&user)?;
    let mut servers = Servers { postgres: None, rabbitmq: None, registry: None };
    had(
        "PostgreSQL",
        Postgres::start(&user, &records).map(|server| servers.postgres = Some(server)),
    )?;
    had(
        "RabbitMQ",
        RabbitMq::start(&user, &records).map(|server| servers.rabbitmq = Some(server)),
    )?;
    had(
        "a registry with a base",
        registry_with_base(&user, &records).map(|server| servers.registry = Some(server)),
    )?;
    let skips = user.home().join("skips");
    let _ = fs::remove_file(&skips);
    let folder = user.home().join("tests");
    user.empty_folder(&folder)?;
    let copied =
        executables.iter().map(|path| copied(path, &folder)).collect::<Result<Vec<_>>>()?;
    let tally = run_all(&copied, arguments, |path| {
        let mut command = user.command(path);
        servers.announce(&mut command);
        if user.has_control_groups() {
            command.env(env::CONTROL_GROUPS, "1");
        }
        command.env(env::SKIPS, &skips).env("SLIPWAY_TEST_BIN", &bin).env("RUST_BACKTRACE", "1");
        command
    })?;
    tally.report(&fs::read_to_string(&skips).unwrap_or_default(), arguments.allow_skips)
}

fn registry_with_base(user: &Ordinary, records: &Path) -> Result<Registry> {
    let registry = Registry::start(user, records)?;
    base::ensure_base(user, &registry.address)?;
    Ok(registry)
}

impl Servers {
    fn announce(&self, command: &mut Command) {
        if let Some(postgres) = &self.postgres {
            command.env(env::POSTGRES, postgres.url("postgres"));
        }
        if let Some(rabbitmq) = &self.rabbitmq {
            command
                .env(env::RABBITMQ, rabbitmq.url("builder"))
                .env("SLIPWAY_TEST_RABBITMQ_CATALOG", rabbitmq.url("catalog"))
                .env("SLIPWAY_TEST_RABBITMQ_PERMISSION", rabbitmq.url("permission"));
        }
        if let Some(registry) = &self.registry {
            command.env(env::REGISTRY, &registry.address);
        }
    }
}

/// Builds all test binaries; returns them in a stable order.
fn executables() -> Result<Vec<PathBuf>> {
    let output = cargo()
        .args(["test", "--workspace", "--no-run", "--quiet", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()?;
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

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Ends with the line `N passed, N failed`, and how many skipped if any did: libtest takes those for passed.
    fn report(&self, skips: &str, may_skip: bool) -> Result<()> {
        let skips: BTreeSet<(&str, &str)> =
            skips.lines().filter_map(|line| line.split_once('\t')).collect();
        let tests: BTreeSet<&str> = skips.iter().map(|(test, _)| *test).collect();
        let reasons: BTreeSet<&str> = skips.iter().map(|(_, reason)| *reason).collect();
        reasons.iter().for_each(|reason| println!("{reason}"));
        let skipped = tests.len();
        let passed = self.passed.saturating_sub(skipped);
        match skipped {
            0 => println!("{passed} passed, {} failed", self.failed),
            _ => println!("{passed} passed, {} failed, {skipped} skipped", self.failed),
        }
        match (self.failed, skipped) {
            (0, 0) => Ok(()),
            (0, _) if may_skip => Ok(()),
            (0, _) => bail!("{skipped} tests were skipped"),
            (failed, _) => bail!("{failed} tests failed"),
        }
    }
}

/// Runs each binary, its output shown where something failed.
fn run_all(
    executables: &[PathBuf],
    arguments: &Arguments,
    command: impl Fn(&Path) -> Command,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for path in executables {
        let mut command = command(path);
        command.args(arguments.filter.iter()).args(["--test-threads", "4"]);
        let output = command.output().with_context(|| format!("{command:?}"))?;
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let (passed, failed) = counts(&text);
        let failed = if !output.status.success() && failed == 0 { 1 } else { failed };
        tally.passed += passed;
        tally.failed += failed;
        let verdicts: BTreeSet<&str> =
            text.lines().filter(|line| line.starts_with("isolation: ")).collect();
        verdicts.iter().for_each(|verdict| println!("{verdict}"));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if failed > 0 {
            println!("{text}\n{name}: {passed} passed, {failed} failed");
        } else if passed > 0 {
            println!("{name}: {passed} passed");
        }
    }
    Ok(tally)
}

/// Of libtest's last line: `test result: ok. 3 passed; 0 failed; …`
fn counts(text: &str) -> (usize, usize) {
    let line =
        text.lines().rev().find_map(|line| line.strip_prefix("test result: ")).unwrap_or_default();
    let words: Vec<&str> = line.split([' ', ';']).collect();
    let before = |word: &str| {
        words
            .windows(2)
            .find(|pair| pair[1] == word)
            .and_then(|pair| pair[0].parse().ok())
            .unwrap_or(0)
    };
    (before("passed"), before("failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let text = "running 2 tests\ntest result: FAILED. 9 passed; 1 failed; 0 ignored; 0 measured; 47 filtered out; finished in 98.94s\n";
        assert_eq!(counts(text), (9, 1));
        assert_eq!(counts("test result: ok. 12 passed; 0 failed; 0 ignored"), (12, 0));
        assert_eq!(counts("Segmentation fault"), (0, 0));
    }

    #[test]
    fn skips_fail_unless_allowed() {
        let tally = Tally { passed: 2, failed: 0 };
        assert!(tally.report("", false).is_ok());
        let skips = "a\tSKIPPED because X\na\tSKIPPED because Y\n";
        assert!(tally.report(skips, false).is_err());
        assert!(tally.report(skips, true).is_ok());
        assert!(Tally { passed: 2, failed: 1 }.report("", true).is_err());
    }
}

//! `cargo xtask test`: all tests on real servers, as an unprivileged user.

mod binary;
mod output;
mod run;
mod servers;
mod tally;

use std::{fs, process::Command};

use anyhow::Result;
use slipway_testrig::{debian_packages, env, process, user::UnprivilegedUser};

use crate::{
    test::{
        binary::{build_tests, copy_tests},
        run::run_all,
        servers::{OnMissing, Servers},
    },
    workspace::{Profile, build_programs},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the tests that need no servers.
    #[arg(long)]
    fast: bool,
    /// Succeed even if tests were skipped because something could not be installed or started.
    #[arg(long)]
    allow_skips: bool,
    /// Run only the tests with this text in their name.
    filter: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.fast { run_fast(arguments) } else { run_with_servers(arguments) }
}

fn run_fast(arguments: &Arguments) -> Result<()> {
    let skips = tempfile::NamedTempFile::new()?;
    let binaries = build_tests()?;

    let tally = run_all(&binaries, arguments.filter.as_deref(), |path| {
        let mut command = Command::new(path);
        command.env(env::FAST, "1").env(env::SKIPS, skips.path());
        command
    })?;

    tally.report(&fs::read_to_string(skips.path())?, OnMissing::Skip)
}

fn run_with_servers(arguments: &Arguments) -> Result<()> {
    let on_missing = if arguments.allow_skips { OnMissing::Skip } else { OnMissing::Fail };
    on_missing.apply(
        "the packages for builds",
        debian_packages::ensure_installed(debian_packages::BUILD),
    )?;
    on_missing.apply(
        "the packages of the servers",
        debian_packages::ensure_installed(debian_packages::SERVERS),
    )?;

    let user = UnprivilegedUser::find()?;
    let records = user.home().join("run/test");
    process::clean(&records)?;

    let binaries = build_tests()?;
    let bin = build_programs(&user, Profile::Debug)?;
    let servers = Servers::start(on_missing, &user, &records)?;

    let skips = user.home().join("skips");
    let _ = fs::remove_file(&skips);
    let binaries = copy_tests(binaries, &user)?;
    let tally = run_all(&binaries, arguments.filter.as_deref(), |path| {
        let mut command = user.command(path);
        servers.add_to_environment(&mut command);
        if user.has_control_groups() {
            command.env(env::CONTROL_GROUPS, "1");
        }
        command.env(env::SKIPS, &skips).env(env::BIN, &bin).env("RUST_BACKTRACE", "1");
        command
    })?;

    tally.report(&fs::read_to_string(&skips).unwrap_or_default(), on_missing)
}

#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, reason = "this is a command line")]

mod bench;
mod check;
mod demo;
mod full_stack;
mod test;
mod tidy;
mod transcript;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use slipway_testrig::{process, user::UnprivilegedUser};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Demo, tests and checks of the Slipway workspace.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start Slipway on loopback, then build, share, resolve and run a custom image.
    Demo(demo::Arguments),
    /// Install and start the servers that tests need, and run all tests.
    Test(test::Arguments),
    /// Measure GetImage, ResolveImage, Check and CreateImage on a full stack in release mode.
    Bench(bench::Arguments),
    /// Check format, lints, documentation, layout, dependencies, spelling, scripts and protos.
    Check,
    /// Check only the layout rules.
    Tidy,
    /// Update `tests/messages.txt`, the list of all messages.
    Messages,
    /// Stop every server that a demo, a test run or a benchmark has left running.
    Clean,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Check => check::run(),
        Command::Tidy => tidy::run(),
        Command::Messages => tidy::write_messages(),
        Command::Clean => clean(),
    };

    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn clean() -> Result<()> {
    let user = UnprivilegedUser::find()?;

    for name in ["demo", "test", "bench"] {
        for server in process::clean(&user.home().join("run").join(name))? {
            println!("stopped {server}");
        }
    }
    Ok(())
}

#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, reason = "this is a command line")]

mod check;
mod demo;
mod narrator;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use slipway_testrig::{process, user::Ordinary};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "What a newcomer and CI run.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show Slipway's one job, really done: a custom image is built, shared, resolved and run.
    Demo(demo::Arguments),
    /// Run all tests on real servers, which are installed and started for it.
    Test(test::Arguments),
    /// Format, lints, documentation, layout, licences, spelling and protos.
    Check,
    /// Only the layout rules.
    Tidy,
    /// End every server that a demo or test left running.
    Clean,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Check => check::run(),
        Command::Tidy => tidy::run(),
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
    let user = Ordinary::find()?;
    for name in ["demo", "test"] {
        for ended in process::clean(&user.home().join("run").join(name))? {
            println!("ended {ended}");
        }
    }
    Ok(())
}

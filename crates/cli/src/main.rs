#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, reason = "this is what a command line is for")]

mod arguments;
mod build;
mod events;
mod failure;
mod grant;
mod group;
mod image;
mod output;
mod profile;
mod revision;
mod session;
mod user;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::{
    arguments::{Arguments, Noun},
    failure::Failure,
    output::Output,
    session::Session,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let session = Session::new(&arguments)?;
    let output = Output::new(arguments.output);
    match arguments.noun {
        Noun::Image(command) => image::run(command, &session, &output).await,
        Noun::Revision(command) => revision::run(command, &session, &output).await,
        Noun::Build(command) => build::run(command, &session, &output).await,
        Noun::Group(command) => group::run(command, &session, &output).await,
        Noun::User(command) => user::run(command, &session, &output).await,
        Noun::Grant(command) => grant::run(command, &session, &output).await,
        Noun::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "slipway", &mut std::io::stdout());
            Ok(())
        }
        Noun::Man => clap_mangen::Man::new(Arguments::command()).render(&mut std::io::stdout()).map_err(|error| Failure::Ended(error.to_string())),
        Noun::Events(command) => events::run(command, &session).await,
    }
}

#![doc = include_str!("../README.md")]

mod arguments;
mod build_state;
mod commands;
mod failure;
mod output;
mod profile;
mod session;
mod stream;
mod transport;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::{
    arguments::{Arguments, Noun},
    commands::{build, events, grant, group, image, revision, user},
    failure::Failure,
    output::{Output, notifications::notify},
    session::Session,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_quiet() {
                notify(&failure.to_string());
            }
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { output, services, noun } = arguments;
    let output = Output::new(output);
    // Completions and manual pages open no session: they work with a broken profile file.
    let open = || Session::open(&services);

    match noun {
        Noun::Image(command) => image::run(command, &open()?, &output).await,
        Noun::Revision(command) => revision::run(command, &open()?, &output).await,
        Noun::Build(command) => build::run(command, &open()?, &output).await,
        Noun::Group(command) => group::run(command, &open()?, &output).await,
        Noun::User(command) => user::run(command, &open()?, &output).await,
        Noun::Grant(command) => grant::run(command, &open()?, &output).await,
        Noun::Events(command) => events::run(command, &open()?).await,
        Noun::Completions(completions) => completions.print(Arguments::command()),
        Noun::Man(manual) => manual.write(Arguments::command()),
    }
}

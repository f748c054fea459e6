#![doc = include_str!("../README.md")]

mod access;
mod arguments;
mod build;
mod events;
mod failure;
mod grant;
mod group;
mod image;
mod image_create;
mod image_list;
mod logs;
mod manual;
mod output;
mod pages;
mod patience;
mod printer;
mod profile;
mod progress;
mod request_file;
mod request_id;
mod revision;
mod session;
mod source;
mod steps;
mod transport;
mod user;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    arguments::{Arguments, Noun},
    failure::Failure,
    output::Output,
    session::Session,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_quiet() {
                printer::tell(&failure.to_string());
            }
            failure.exit_code()
        }
    }
}

/// What is made from the arguments alone asks for no session: a broken profile must not stand in its way.
async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { output, services, noun } = arguments;
    let output = Output::new(output);
    let open = || Session::open(&services);
    match noun {
        Noun::Completions { shell } => manual::completions(shell),
        Noun::Man { directory } => manual::man(directory.as_deref()),
        Noun::Image(command) => image::run(command, &open()?, &output).await,
        Noun::Revision(command) => revision::run(command, &open()?, &output).await,
        Noun::Build(command) => build::run(command, &open()?, &output).await,
        Noun::Group(command) => group::run(command, &open()?, &output).await,
        Noun::User(command) => user::run(command, &open()?, &output).await,
        Noun::Grant(command) => grant::run(command, &open()?, &output).await,
        Noun::Events(command) => events::run(command, &open()?).await,
    }
}

//! What is made from the definition of the command line alone: completion scripts and manual pages.

use std::{fs, path::Path};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{arguments::Arguments, failure::Failure, printer};

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "slipway", &mut script);
    printer::write(&script)
}

/// The top page, or every page as a file of the directory.
pub(crate) fn man(directory: Option<&Path>) -> Result<(), Failure> {
    match directory {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command())
                .render(&mut page)
                .map_err(|error| Failure::Ended(error.to_string()))?;
            printer::write(&page)
        }
        Some(directory) => fs::create_dir_all(directory)
            .and_then(|()| clap_mangen::generate_to(Arguments::command(), directory))
            .map_err(|error| {
                Failure::Ended(format!(
                    "the manual pages cannot be written to {}: {error}",
                    directory.display()
                ))
            }),
    }
}

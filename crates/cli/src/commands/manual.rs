//! `slipway completions` and `slipway man`, generated from the definition of the arguments.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use clap_complete::Shell;

use crate::{failure::Failure, output::stdout};

#[derive(Args)]
pub(crate) struct Completions {
    /// Shell to complete commands in.
    shell: Shell,
}

#[derive(Args)]
pub(crate) struct Manual {
    /// Write one page per command (slipway-image-create.1, …) here; created if missing.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn print(&self, mut definition: clap::Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut definition, "slipway", &mut script);
        stdout::write(&script)
    }
}

impl Manual {
    /// Prints the top page, or writes the pages of all commands into the directory.
    pub(crate) fn write(&self, definition: clap::Command) -> Result<(), Failure> {
        match &self.directory {
            Some(directory) => write_all_pages(definition, directory),
            None => print_top_page(definition),
        }
    }
}

fn write_all_pages(definition: clap::Command, directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(definition, directory))
        .map_err(|error| {
            Failure::Failed(format!(
                "The manual pages cannot be written to {}: {error}.",
                directory.display()
            ))
        })
}

fn print_top_page(definition: clap::Command) -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(definition).render(&mut page).map_err(|error| {
        Failure::Failed(format!("The manual page cannot be generated: {error}."))
    })?;

    stdout::write(&page)
}

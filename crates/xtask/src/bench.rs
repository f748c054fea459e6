//! Starts Slipway as three release-mode processes with PostgreSQL and RabbitMQ, and loads it.

use std::path::PathBuf;

use anyhow::Result;
use slipway_testrig::{
    base_image, debian_packages, process,
    registry::Registry,
    stack::{Stack, StackConfig},
    user::UnprivilegedUser,
};

use crate::{
    full_stack::{empty_data_folder, start_full_stack},
    workspace::{self, Profile, build_programs, cargo, copy_programs},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder with programs to measure, such as those of an older version. Built when absent.
    #[arg(long)]
    bin: Option<PathBuf>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    debian_packages::ensure_installed(debian_packages::BUILD)?;
    let user = UnprivilegedUser::find()?;
    let records = user.home().join("run/bench");
    process::clean(&records)?;
    let bin = match &arguments.bin {
        Some(folder) => copy_programs(folder, &user.folder("bench-bin")?)?,
        None => build_programs(&user, Profile::Release)?,
    };

    let registry = Registry::start(&user, &records)?;
    let reference = base_image::ensure_base(&user, &registry.address)?;
    let config = StackConfig {
        data: empty_data_folder(&user, "bench-data")?,
        user,
        bin,
        records,
        registry: registry.address.clone(),
        otlp_endpoint: String::new(),
    };
    let (_servers, stack) = start_full_stack(config)?;

    run_load(&stack, &reference, arguments.seconds)
}

fn run_load(stack: &Stack, reference: &str, seconds: u64) -> Result<()> {
    let mut load = cargo();
    load.args(["run", "--quiet", "--release", "--package", "slipway-bench", "--"])
        .args(["--reference", reference, "--seconds", &seconds.to_string()])
        .envs(stack.environment())
        .env("SLIPWAY_TOKEN", stack.token("admin", &[])?);

    workspace::run(&mut load)
}

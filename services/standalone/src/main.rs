//! `slipway-standalone serve | keys | token`: all three services in one process, on SQLite and the
//! in-process broker.

mod configs;
mod keys;

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use slipway_broker::InProcess;
use slipway_daemon::{Supervisor, install_crypto_provider, process::migrate};
use slipway_identity::AUDIENCE;

#[derive(Parser)]
#[command(
    version,
    about = "All Slipway services in one process, for a laptop or a demo. Listens on loopback only."
)]
struct Arguments {
    /// Directory for databases, keys and builds.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "SLIPWAY_DATA_DIR",
        default_value = "slipway-data"
    )]
    data_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create missing keys, migrate the databases, and serve until SIGTERM.
    Serve(Box<configs::ServeFlags>),
    /// Create the missing keys of the services and of the development issuer.
    Keys,
    /// Print an access token of the development issuer.
    Token {
        /// Subject of the token: the user's name. The same subject is always the same user.
        subject: String,
        /// Seconds until the token expires.
        #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3_600)]
        life: u64,
        /// Audience of the token.
        #[arg(long, default_value = AUDIENCE)]
        audience: String,
    },
}

fn main() -> ExitCode {
    install_crypto_provider();

    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(Arguments::parse())));

    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "slipway-standalone: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let data_dir = std::path::absolute(&arguments.data_dir)?;
    create_data_dir(&data_dir)?;
    let keys = keys::Keys::of_data_dir(&data_dir);

    match arguments.command {
        Command::Serve(flags) => {
            keys.create()?;
            serve(configs::Configs::new(&data_dir, &keys, &flags)).await
        }
        Command::Keys => keys.create(),
        Command::Token { subject, life, audience } => {
            let life = Duration::from_secs(life);
            let token = keys.development()?.token(&subject, &audience, life)?;
            Ok(writeln!(io::stdout(), "{token}")?)
        }
    }
}

/// Only the user of this process may read the keys and databases.
fn create_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    let path = data_dir.display();
    fs::create_dir_all(data_dir).with_context(|| format!("`--data-dir`: {path}"))?;

    let metadata = fs::symlink_metadata(data_dir)?;
    anyhow::ensure!(
        metadata.uid() == fs::metadata("/proc/self")?.uid(),
        "`--data-dir`: {path} belongs to another user; give a directory of your own"
    );
    let is_empty = fs::read_dir(data_dir)?.next().is_none();
    anyhow::ensure!(
        is_empty || data_dir.join("keys").is_dir(),
        "`--data-dir`: {path} holds other files; give an empty directory or a new one"
    );
    fs::set_permissions(data_dir, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("`--data-dir`: {path} cannot be closed to other users"))
}

async fn serve(configs: configs::Configs) -> anyhow::Result<()> {
    let _guard = slipway_telemetry::init("standalone", &configs.telemetry)
        .map_err(|error| anyhow::anyhow!("telemetry cannot be set up: {error}"))?;

    migrate::<slipway_permission::store::Migrator>(&configs.permission.database).await?;
    migrate::<slipway_catalog::store::Migrator>(&configs.catalog.database).await?;
    migrate::<slipway_builder::store::Migrator>(&configs.builder.database).await?;

    let broker = Arc::new(InProcess::default());
    let mut supervisor = Supervisor::default();
    slipway_permission::wire_up::start_with(configs.permission, broker.clone(), &mut supervisor)
        .await?;
    slipway_catalog::wire_up::start_with(configs.catalog, broker.clone(), &mut supervisor).await?;
    slipway_builder::wire_up::start_with(configs.builder, broker, &mut supervisor).await?;

    supervisor.run_until_signal().await
}

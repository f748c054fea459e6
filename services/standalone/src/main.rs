//! `slipway-standalone serve | keys | token`: all three services in one process, on SQLite and the in-process broker.

mod configs;
mod keys;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Parser, Subcommand};
use slipway_broker::InProcess;
use slipway_daemon::{Supervisor, install_crypto_provider, process::migrate};
use slipway_identity::AUDIENCE;

#[derive(Parser)]
#[command(
    version,
    about = "All of Slipway in one process, for a laptop or a demonstration. Listens on loopback only."
)]
struct Arguments {
    /// Folder for databases, keys and builds.
    #[arg(long, global = true, env = "SLIPWAY_DATA_DIR", default_value = "slipway-data")]
    data_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate, then serve until SIGTERM.
    Serve(configs::Site),
    /// Make the keys of the services and of the development issuer, where they are missing.
    Keys,
    /// Print a token of the development issuer.
    Token {
        /// Who it is for; the same name is the same user.
        subject: String,
        /// Seconds until it expires.
        #[arg(long, default_value_t = 24 * 3_600)]
        life: u64,
        /// Whom it is meant for.
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
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("slipway-standalone: {error:#}\n").as_bytes(),
            );
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let data_dir = std::path::absolute(&arguments.data_dir)?;
    std::fs::create_dir_all(&data_dir)?;
    let keys = keys::Keys::in_folder(&data_dir);
    match arguments.command {
        Command::Keys => keys.create().map(|_| ()),
        Command::Token { subject, life, audience } => {
            let token =
                keys.development()?.token(&subject, &audience, Duration::from_secs(life))?;
            Ok(std::io::Write::write_all(&mut std::io::stdout(), format!("{token}\n").as_bytes())?)
        }
        Command::Serve(site) => {
            keys.create()?;
            serve(configs::Configs::new(&data_dir, &keys, site)).await
        }
    }
}

async fn serve(configs: configs::Configs) -> anyhow::Result<()> {
    let _guard = slipway_telemetry::init("standalone", &configs.telemetry)
        .map_err(|error| anyhow::anyhow!("telemetry: {error}"))?;
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

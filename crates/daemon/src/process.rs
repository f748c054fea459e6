//! What every service's `main` does: parse, load configuration, run one of serve, migrate, config and health.

use std::{future::Future, path::PathBuf, pin::Pin, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use sea_orm_migration::MigratorTrait;
use serde::{Serialize, de::DeserializeOwned};
use slipway_database::{Database, Settings as DatabaseSettings, pending};
use slipway_telemetry::Settings as TelemetrySettings;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{Listen, Supervisor, config, install_crypto_provider, redaction::redacted};

/// What every service's configuration has.
pub trait ServiceConfig: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Where it listens unless configured; each address by itself.
    fn default_listen() -> Listen;
    /// Its own database.
    fn database(&self) -> &DatabaseSettings;
    /// Where it listens.
    fn listen(&self) -> &Listen;
    /// What it tells.
    fn telemetry(&self) -> &TelemetrySettings;
}

/// Starts a service's tasks.
pub type Start<'a, C> =
    &'a dyn for<'s> Fn(
        C,
        &'s mut Supervisor,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 's>>;

#[derive(Parser)]
#[command(
    version,
    about = "A service of Slipway. Configuration: a TOML file, then SLIPWAY_<SERVICE>__SECTION__KEY; the keys are in deploy/README.md."
)]
struct Arguments {
    /// TOML file with the configuration.
    #[arg(long, global = true, env = "SLIPWAY_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM, then drain.
    Serve,
    /// Bring the database's tables up to date; run it before serving a new version.
    Migrate,
    /// Print the configuration in force, without secrets.
    Config,
    /// Ask the running service for its health; exit code 0 when it serves.
    Health,
}

/// Runs the subcommand of the process's arguments; prints what went wrong.
pub fn main<C: ServiceConfig, M: MigratorTrait>(
    service: &'static str,
    start: Start<'_, C>,
) -> ExitCode {
    install_crypto_provider();
    let arguments = Arguments::parse();
    let run = async {
        let config: C = config::load(service, arguments.config.as_deref(), &C::default_listen())
            .context("configuration")?;
        match arguments.command {
            Command::Serve => serve::<C, M>(service, config, start).await,
            Command::Migrate => migrate::<M>(config.database()).await,
            Command::Config => print(&redacted(&config)?),
            Command::Health => health(config.listen()).await,
        }
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot go on");
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("slipway-{service}: {error:#}\n").as_bytes(),
            );
            ExitCode::FAILURE
        }
    }
}

async fn serve<C: ServiceConfig, M: MigratorTrait>(
    service: &'static str,
    config: C,
    start: Start<'_, C>,
) -> anyhow::Result<()> {
    let _guard = slipway_telemetry::init(service, config.telemetry())
        .map_err(|error| anyhow::anyhow!("telemetry: {error}"))?;
    let database = Database::connect(config.database()).await.map_err(explain)?;
    let waiting = pending::<M>(&database).await.map_err(explain)?;
    anyhow::ensure!(
        waiting.is_empty(),
        "the database lacks the migrations {}; run `slipway-{service} migrate`",
        waiting.join(", ")
    );
    let mut supervisor = Supervisor::default();
    start(config, &mut supervisor).await?;
    supervisor.run_until_signal().await
}

/// Applies what is missing.
///
/// # Errors
/// When the database cannot be reached or refuses a statement.
pub async fn migrate<M: MigratorTrait>(settings: &DatabaseSettings) -> anyhow::Result<()> {
    let database = Database::connect(settings).await.map_err(explain)?;
    M::up(database.writer(), None).await.context("migrating")
}

fn explain(fault: slipway_fault::Fault) -> anyhow::Error {
    match std::error::Error::source(&fault) {
        Some(cause) => anyhow::anyhow!("{fault}: {cause}"),
        None => anyhow::anyhow!("{fault}"),
    }
}

async fn health(listen: &Listen) -> anyhow::Result<()> {
    let channel = crate::client::channel(&format!("http://{}", listen.grpc)).map_err(explain)?;
    let response = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .context("the service does not answer")?;
    let status = response.into_inner().status();
    print(status.as_str_name())?;
    anyhow::ensure!(
        status == ServingStatus::Serving,
        "not serving; http://{}/readyz says which dependency is missing",
        listen.http
    );
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::Write::write_all(&mut std::io::stdout(), format!("{text}\n").as_bytes())?)
}

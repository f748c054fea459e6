//! The `main` function of every service, with the commands serve, migrate, config and health.

use std::{
    error::Error as _,
    future::Future,
    io::{self, Write as _},
    path::PathBuf,
    pin::Pin,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use sea_orm_migration::MigratorTrait;
use serde::{Serialize, de::DeserializeOwned};
use slipway_database::{Database, Settings as DatabaseSettings, pending_migrations};
use slipway_fault::Fault;
use slipway_telemetry::Settings as TelemetrySettings;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    Listen, Supervisor, client::channel, config, config_redaction::redacted,
    install_crypto_provider,
};

/// The parts that every service's configuration has.
pub trait ServiceConfig: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The default addresses; each can be configured by itself.
    fn default_listen() -> Listen;
    fn database(&self) -> &DatabaseSettings;
    fn listen(&self) -> &Listen;
    fn telemetry(&self) -> &TelemetrySettings;
}

/// Starts the tasks of a service.
pub type Start<'a, C> =
    &'a dyn for<'s> Fn(
        C,
        &'s mut Supervisor,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 's>>;

#[derive(Parser)]
#[command(
    version,
    about = "A service of Slipway. Its configuration is read from a TOML file, then from variables \
             SLIPWAY_<SERVICE>__SECTION__KEY. deploy/README.md lists the keys."
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
    /// Apply missing database migrations. Run it before you serve a new version.
    Migrate,
    /// Print the configuration in force, without secrets.
    Config,
    /// Print the health of the running service. The exit code is 0 if it serves.
    Health,
}

/// Runs the command that the process's arguments name. Errors go to standard error and to the log.
pub fn main<C: ServiceConfig, M: MigratorTrait>(
    service: &'static str,
    start: Start<'_, C>,
) -> ExitCode {
    install_crypto_provider();
    let arguments = Arguments::parse();

    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run::<C, M>(service, arguments, start)));
    let Err(error) = outcome else { return ExitCode::SUCCESS };

    tracing::error!(error = format!("{error:#}"), "the command failed");
    let _ = io::stderr().write_all(format!("slipway-{service}: {error:#}\n").as_bytes());

    ExitCode::FAILURE
}

async fn run<C: ServiceConfig, M: MigratorTrait>(
    service: &'static str,
    arguments: Arguments,
    start: Start<'_, C>,
) -> anyhow::Result<()> {
    let config: C = config::load(service, arguments.config.as_deref(), &C::default_listen())
        .context("configuration")?;

    match arguments.command {
        Command::Serve => serve::<C, M>(service, config, start).await,
        Command::Migrate => migrate::<M>(config.database()).await,
        Command::Config => print(&redacted(&config)?),
        Command::Health => health(config.listen()).await,
    }
}

async fn serve<C: ServiceConfig, M: MigratorTrait>(
    service: &'static str,
    config: C,
    start: Start<'_, C>,
) -> anyhow::Result<()> {
    let _guard = slipway_telemetry::init(service, config.telemetry())
        .map_err(|error| anyhow::anyhow!("telemetry: {error}"))?;

    let database = Database::connect(config.database()).await.map_err(with_cause)?;
    let pending = pending_migrations::<M>(&database).await.map_err(with_cause)?;
    anyhow::ensure!(
        pending.is_empty(),
        "the database lacks the migrations {}; run `slipway-{service} migrate`",
        pending.join(", ")
    );

    let mut supervisor = Supervisor::default();
    start(config, &mut supervisor).await?;
    supervisor.run_until_signal().await
}

/// Applies the pending migrations.
///
/// # Errors
/// When the database cannot be reached or rejects a statement.
pub async fn migrate<M: MigratorTrait>(settings: &DatabaseSettings) -> anyhow::Result<()> {
    let database = Database::connect(settings).await.map_err(with_cause)?;
    M::up(database.writer(), None).await.context("migrating")
}

async fn health(listen: &Listen) -> anyhow::Result<()> {
    let channel = channel(&format!("http://{}", listen.grpc)).map_err(with_cause)?;
    let response = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .context("the service does not answer")?;

    let status = response.into_inner().status();
    print(status.as_str_name())?;

    anyhow::ensure!(
        status == ServingStatus::Serving,
        "the service is not serving; http://{}/readyz shows which dependency fails",
        listen.http
    );
    Ok(())
}

/// The fault with its cause. A process's own output may contain causes, unlike answers to callers.
fn with_cause(fault: impl Into<Fault>) -> anyhow::Error {
    let fault = fault.into();

    match fault.source() {
        Some(cause) => anyhow::anyhow!("{fault}: {cause}"),
        None => anyhow::anyhow!("{fault}"),
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(io::stdout().write_all(format!("{text}\n").as_bytes())?)
}

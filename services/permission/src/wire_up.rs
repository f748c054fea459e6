//! Creates the parts of the service and starts its tasks. The only file that knows all layers.

use std::sync::Arc;

use anyhow::Context as _;
use slipway_broker::{Broker, Rabbit};
use slipway_daemon::{EventLog, Server, Supervisor, health::Dependencies};
use slipway_database::Database;
use slipway_identity::Verifier;
use slipway_outbox::{Relay, Wake};
use tokio_util::sync::CancellationToken;

use crate::{api, app::App, config::Config, domain::user::Claims, store::Store};

/// Starts the service as a process of its own, with RabbitMQ.
pub async fn start(config: Config, supervisor: &mut Supervisor) -> anyhow::Result<()> {
    let settings = config
        .broker
        .clone()
        .context("configuration: `broker.url` is missing; set it to the address of RabbitMQ")?;

    start_with(config, Arc::new(Rabbit::new("permission", settings)), supervisor).await
}

/// Starts the service with any broker.
pub async fn start_with(
    config: Config,
    broker: Arc<dyn Broker>,
    supervisor: &mut Supervisor,
) -> anyhow::Result<()> {
    let database = Database::connect(&config.database).await?;
    let wake = Wake::default();
    let store = Store::new(database.clone(), wake.clone());
    let issuers = config.identity.issuers.iter().map(|issuer| issuer.issuer.clone()).collect();
    let app = App::new(store, issuers);

    let admins: Vec<Claims> = config
        .bootstrap_admins
        .into_iter()
        .map(|admin| Claims { issuer: admin.issuer, subject: admin.subject })
        .collect();
    app.bootstrap(&admins).await.context("cannot create the configured platform admins")?;

    let stop = supervisor.stop_token();
    let relay = Relay::new(database.clone(), broker.clone(), "permission", wake);
    supervisor.spawn("permission.relay", relay.run(stop.clone()));

    let events = event_log(database.clone(), app.clone(), stop.clone());

    let dependencies = Dependencies::default()
        .needs("database", database, |database| async move { Ok(database.ping().await?) })
        .uses("broker", broker, |broker| async move { Ok(broker.ping().await?) });
    let server = Server {
        name: "permission",
        listen: config.listen,
        limits: config.limits,
        routes: api::routes(app, events, stop),
        services: api::SERVICES,
        verifier: Arc::new(Verifier::new(config.identity)),
        dependencies,
    };
    server.start(supervisor).await
}

/// The event log, for platform readers.
pub fn event_log(database: Database, app: App, stop: CancellationToken) -> EventLog {
    EventLog::new(database, "permission", stop, move |caller| {
        let app = app.clone();
        async move { app.require_platform_reader(&caller).await }
    })
}

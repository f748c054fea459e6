//! The only file that sees all layers: makes the parts and starts the tasks.

use std::sync::Arc;

use anyhow::Context as _;
use slipway_broker::{Broker, Rabbit};
use slipway_daemon::{Server, Supervisor, health::Dependencies};
use slipway_database::Database;
use slipway_identity::Verifier;
use slipway_outbox::{Relay, Wake};

use crate::{api, app::App, config::Config, store::Store};

/// Starts the service as a process of its own, over RabbitMQ.
pub async fn start(config: Config, supervisor: &mut Supervisor) -> anyhow::Result<()> {
    let settings = config.broker.clone().context("configuration: `broker.url` is missing")?;
    start_with(config, Arc::new(Rabbit::new("permission", settings)), supervisor).await
}

/// Starts the service over any broker.
pub async fn start_with(
    config: Config,
    broker: Arc<dyn Broker>,
    supervisor: &mut Supervisor,
) -> anyhow::Result<()> {
    let database = Database::connect(&config.database).await?;
    let wake = Wake::default();
    let store = Store::new(database.clone(), wake.clone());
    let app = App::new(
        store,
        config.identity.issuers.iter().map(|issuer| issuer.issuer.clone()).collect(),
    );
    let admins: Vec<(String, String)> = config
        .bootstrap_admins
        .iter()
        .map(|admin| (admin.issuer.clone(), admin.subject.clone()))
        .collect();
    app.bootstrap(&admins).await.context("making the configured platform admins")?;

    let stop = supervisor.stop_token();
    supervisor.spawn(
        "permission.relay",
        Relay::new(database.clone(), broker.clone(), "permission", wake).run(stop.clone()),
    );
    let dependencies = Dependencies::default()
        .needs("database", database, |database| async move { database.ping().await })
        .uses("broker", broker, |broker| async move { Ok(broker.ping().await?) });
    let server = Server {
        name: "permission",
        listen: config.listen,
        limits: config.limits,
        routes: api::routes(app, stop),
        services: api::SERVICES,
        verifier: Arc::new(Verifier::new(config.identity)),
        dependencies,
    };
    server.start(supervisor).await
}

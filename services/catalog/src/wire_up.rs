//! The only file that sees all layers: makes the parts and starts the tasks.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use slipway_access::Feed;
use slipway_authorizer::{Authorizer as _, GrpcAuthorizer};
use slipway_broker::{Broker, Rabbit, topology::CATALOG_BUILDS};
use slipway_daemon::{
    Server, Supervisor,
    client::{Outgoing, channel},
    health::Dependencies,
};
use slipway_database::Database;
use slipway_identity::{ServiceName, ServiceSigner, SigningKey, Verifier};
use slipway_outbox::{Relay, Wake};
use slipway_packages::Policy;
use slipway_registry::Registries;

use crate::{
    api,
    app::{App, Site},
    config::Config,
    inbound::BuildStateChangedHandler,
    reconcile,
    store::Store,
};

/// Starts the service as a process of its own, over RabbitMQ.
pub async fn start(config: Config, supervisor: &mut Supervisor) -> anyhow::Result<()> {
    let settings = config.broker.clone().context("configuration: `broker.url` is missing")?;
    start_with(config, Arc::new(Rabbit::new("catalog", settings)), supervisor).await
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
    let key = SigningKey::read(&config.identity.service_key_file, "catalog")?;
    let outgoing = Outgoing::new(ServiceSigner::new(ServiceName::Catalog, key));
    let permission = channel(&config.permission_address)?;
    let authorizer = Arc::new(GrpcAuthorizer::new(permission.clone(), outgoing.clone()));
    let site = Site {
        registry: slipway_names::reference::normal_host(&config.registry),
        policy: Policy { pip_urls: !config.refuse_pip_urls, ..Policy::default() },
        access_stale: Duration::from_secs(config.access_stale_seconds),
        waiting_builds_per_owner: config.waiting_builds_per_owner,
    };
    let app =
        App::new(store.clone(), authorizer.clone(), Registries::new(&config.registries), site);
    let stop = supervisor.stop_token();

    supervisor.spawn(
        "catalog.access",
        Feed::new(database.clone(), permission, outgoing).run(stop.clone()),
    );
    let (consumer, handler) = (broker.clone(), Arc::new(BuildStateChangedHandler::new(store)));
    let consuming = stop.clone();
    supervisor.spawn("catalog.builds", async move {
        consumer.consume(CATALOG_BUILDS, handler, consuming).await
    });
    supervisor.spawn(
        "catalog.relay",
        Relay::new(database.clone(), broker.clone(), "catalog", wake).run(stop.clone()),
    );
    supervisor.spawn("catalog.reconcile", reconcile::run(app.clone(), stop.clone()));

    let dependencies = Dependencies::default()
        .needs("database", database, |database| async move { database.ping().await })
        .uses("broker", broker, |broker| async move { Ok(broker.ping().await?) })
        .uses("permission", authorizer, |authorizer| async move { authorizer.ping().await });
    let server = Server {
        name: "catalog",
        listen: config.listen,
        limits: config.limits,
        routes: api::routes(app, stop),
        services: api::SERVICES,
        verifier: Arc::new(Verifier::new(config.identity)),
        dependencies,
    };
    server.start(supervisor).await
}

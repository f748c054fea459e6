//! The only file that knows every layer: creates the parts and starts the tasks.

use std::sync::Arc;

use anyhow::Context as _;
use slipway_authz::{
    check::Authorizer as _,
    client::GrpcAuthorizer,
    projection::{
        feed::Feed,
        state::{MaxAges, check_contact},
    },
};
use slipway_broker::{Broker, Rabbit, topology::CATALOG_BUILDS};
use slipway_daemon::{
    Server, Supervisor,
    client::{ServiceCall, channel},
    health::Dependencies,
};
use slipway_database::Database;
use slipway_identity::{ServiceName, ServiceSigner, SigningKey, Verifier};
use slipway_names::reference::Reference;
use slipway_outbox::{Relay, Wake};
use slipway_packages::PackageRules;
use slipway_registry::Registries;

use crate::{
    api,
    app::{App, CatalogPolicy},
    config::Config,
    inbound::build_state_changed::BuildStateChangedHandler,
    reconcile,
    store::Store,
};

/// Starts the service in a process of its own, with RabbitMQ.
pub async fn start(config: Config, supervisor: &mut Supervisor) -> anyhow::Result<()> {
    let settings = config.broker.clone().context("configuration: `broker.url` is missing")?;
    start_with(config, Arc::new(Rabbit::new("catalog", settings)), supervisor).await
}

/// Starts the service with any broker.
pub async fn start_with(
    config: Config,
    broker: Arc<dyn Broker>,
    supervisor: &mut Supervisor,
) -> anyhow::Result<()> {
    let max_ages = MaxAges::new(config.access_stale_seconds, config.access_lost_seconds)
        .map_err(anyhow::Error::msg)?;
    check_registry(&config.registry)?;
    let database = Database::connect(&config.database).await?;
    let wake = Wake::default();
    let store = Store::new(database.clone(), wake.clone());

    let key = SigningKey::read(&config.identity.service_key_file, "catalog")?;
    let service_call = ServiceCall::new(ServiceSigner::new(ServiceName::Catalog, key));
    let permission = channel(&config.permission_address)?;
    let authorizer = Arc::new(GrpcAuthorizer::new(permission.clone(), service_call.clone()));

    let policy = CatalogPolicy {
        registry: slipway_names::reference::normalize_host(&config.registry),
        packages: PackageRules { pip_urls: !config.refuse_pip_urls, ..PackageRules::default() },
        max_ages,
        waiting_builds_per_owner: config.waiting_builds_per_owner,
    };
    let registries = Registries::new(&config.registries);
    let app = App::new(store.clone(), authorizer.clone(), registries, policy);

    let stop = supervisor.stop_token();
    supervisor.spawn(
        "catalog.access",
        Feed::new(database.clone(), permission, service_call).run(stop.clone()),
    );
    supervisor.spawn("catalog.builds", {
        let broker = broker.clone();
        let handler = Arc::new(BuildStateChangedHandler::new(app.clone()));
        let stop = stop.clone();
        async move { broker.consume(CATALOG_BUILDS, handler, stop).await }
    });
    supervisor.spawn(
        "catalog.relay",
        Relay::new(database.clone(), broker.clone(), "catalog", wake).run(stop.clone()),
    );
    supervisor.spawn("catalog.reconcile", reconcile::run(app.clone(), store, stop.clone()));

    let dependencies = Dependencies::default()
        .needs("database", database.clone(), |database| async move { Ok(database.ping().await?) })
        .uses("broker", broker, |broker| async move { Ok(broker.ping().await?) })
        .uses("access", database.clone(), |database| async move { check_contact(&database).await })
        .uses("permission", authorizer, |authorizer| async move { authorizer.ping().await });

    let server = Server {
        name: "catalog",
        listen: config.listen,
        limits: config.limits,
        routes: api::routes(app, database.clone(), stop),
        services: api::SERVICES,
        verifier: Arc::new(Verifier::new(config.identity)),
        dependencies,
    };
    server.start(supervisor).await
}

/// Pushes of custom images would fail at their end otherwise.
fn check_registry(registry: &str) -> anyhow::Result<()> {
    let repository: Result<Reference, _> = format!("{registry}/repository").parse();

    repository.map(|_| ()).map_err(|error| {
        anyhow::anyhow!("configuration: `registry` is not a host with an optional port: {error}")
    })
}

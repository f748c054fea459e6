//! The only file that knows every layer: creates the parts and starts the tasks.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use slipway_authz::{
    check::Authorizer as _,
    client::GrpcAuthorizer,
    projection::{feed::Feed, state::check_contact},
};
use slipway_broker::{Broker, Rabbit, topology::CATALOG_BUILDS};
use slipway_daemon::{
    Server, Supervisor,
    client::{ServiceCall, channel},
    health::Dependencies,
};
use slipway_database::Database;
use slipway_identity::{ServiceName, ServiceSigner, SigningKey, Verifier};
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
    check_config(&config)?;
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
        reference_max_age: Duration::from_secs(config.access_stale_seconds),
        read_max_age: Duration::from_secs(config.access_lost_seconds),
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

fn check_config(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.access_lost_seconds >= config.access_stale_seconds,
        "configuration: `access_lost_seconds` is less than `access_stale_seconds`; references are \
         not handed out for longer than anything is read"
    );

    let repository = format!("{}/repository", config.registry);
    let reference: Result<slipway_names::reference::Reference, _> = repository.parse();
    reference.map(|_| ()).map_err(|error| {
        anyhow::anyhow!("configuration: `registry` is not a host with an optional port: {error}")
    })
}

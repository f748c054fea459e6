//! Creates the parts of the service and starts its tasks. The only file that knows every layer.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use slipway_authz::{
    check::Authorizer as _,
    client::GrpcAuthorizer,
    projection::{
        feed::Feed,
        state::{MaxAges, check_contact},
    },
};
use slipway_broker::{Broker, Rabbit, topology::BUILDER_REQUESTS};
use slipway_daemon::{
    EventLog, Server, Supervisor,
    client::{ServiceCall, channel},
    health::Dependencies,
};
use slipway_database::Database;
use slipway_identity::{ServiceName, ServiceSigner, SigningKey, Verifier};
use slipway_names::id::WorkerId;
use slipway_outbox::{Relay, Wake};
use slipway_packages::PackageRules;
use slipway_registry::Registries;
use tokio_util::sync::CancellationToken;

use crate::{
    api,
    app::App,
    clients::catalog::CatalogClient,
    config::Config,
    executor::buildah::{Buildah, Settings},
    inbound::build_requested::BuildRequestedHandler,
    reconcile,
    store::Store,
    worker::{Worker, attempt::Timing},
};

/// Starts the service as a process of its own, over RabbitMQ.
///
/// # Errors
/// The broker is not configured, or the service cannot start.
pub async fn start(config: Config, supervisor: &mut Supervisor) -> anyhow::Result<()> {
    let settings = config.broker.clone().context("configuration: `broker.url` is missing")?;
    let broker = Arc::new(Rabbit::new("builder", settings));

    start_with(config, broker, supervisor).await
}

/// Starts the service over any broker.
///
/// # Errors
/// The database, the service's key, the listeners or the executor are not usable.
pub async fn start_with(
    config: Config,
    broker: Arc<dyn Broker>,
    supervisor: &mut Supervisor,
) -> anyhow::Result<()> {
    let max_ages = MaxAges::new(config.access_stale_seconds, config.access_lost_seconds)
        .map_err(anyhow::Error::msg)?;
    let database = Database::connect(&config.database).await?;
    let wake = Wake::default();
    let store = Store::new(database.clone(), wake.clone());

    let key = SigningKey::read(&config.identity.service_key_file, "builder")?;
    let service_call = ServiceCall::new(ServiceSigner::new(ServiceName::Builder, key));
    let permission = channel(&config.permission_address)?;
    let authorizer = Arc::new(GrpcAuthorizer::new(permission.clone(), service_call.clone()));
    let catalog = CatalogClient::new(channel(&config.catalog_address)?, service_call.clone());
    let app = App::new(store.clone(), authorizer.clone(), Arc::new(catalog), max_ages);

    let stop = supervisor.stop_token();
    supervisor.spawn(
        "builder.access",
        Feed::new(database.clone(), permission, service_call).run(stop.clone()),
    );
    supervisor
        .spawn("builder.requests", consume_requests(broker.clone(), store.clone(), stop.clone()));
    supervisor.spawn(
        "builder.relay",
        Relay::new(database.clone(), broker.clone(), "builder", wake).run(stop.clone()),
    );
    supervisor.spawn(
        "builder.reconcile",
        reconcile::run(store.clone(), Duration::from_secs(config.queue_seconds), stop.clone()),
    );
    if config.slots > 0 {
        let worker = create_worker(&config, store).await?;
        supervisor.spawn("builder.worker", worker.run(stop.clone()));
    }

    let events = event_log(database.clone(), app.clone(), stop.clone());
    let dependencies = Dependencies::default()
        .needs("database", database.clone(), |database| async move { Ok(database.ping().await?) })
        .uses("broker", broker, |broker| async move { Ok(broker.ping().await?) })
        .uses("access", database, |database| async move { check_contact(&database).await })
        .uses("permission", authorizer, |authorizer| async move { authorizer.ping().await });
    let server = Server {
        name: "builder",
        listen: config.listen,
        limits: config.limits,
        routes: api::routes(app, events, stop),
        services: api::SERVICES,
        verifier: Arc::new(Verifier::new(config.identity)),
        dependencies,
    };

    server.start(supervisor).await
}

/// The events of the service, for platform READERs.
fn event_log(database: Database, app: App, stop: CancellationToken) -> EventLog {
    EventLog::new(database, "builder", stop, move |caller| {
        let app = app.clone();
        async move { app.require_platform_reader(&caller).await }
    })
}

async fn consume_requests(broker: Arc<dyn Broker>, store: Store, stop: CancellationToken) {
    let handler = Arc::new(BuildRequestedHandler::new(store));

    broker.consume(BUILDER_REQUESTS, handler, stop).await;
}

async fn create_worker(config: &Config, store: Store) -> anyhow::Result<Worker> {
    let settings = Settings {
        insecure_registries: config.registries.insecure.clone(),
        ..config.executor.clone()
    };
    let package_rules =
        PackageRules { pip_urls: !config.refuse_pip_urls, ..PackageRules::default() };
    let registries = Registries::new(&config.registries);

    let (executor, isolation) = Buildah::new(settings, package_rules, registries).await?;
    tracing::info!("{isolation}");

    let attempt_limit = Duration::from_secs(config.build_seconds);
    Ok(Worker {
        id: WorkerId::new(),
        coordinator: Arc::new(store),
        executor: Arc::new(executor),
        slots: config.slots,
        timing: Timing { attempt_limit, ..Timing::default() },
    })
}

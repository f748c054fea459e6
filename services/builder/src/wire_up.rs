//! The only file that sees all layers: makes the parts and starts the tasks.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use slipway_access::Feed;
use slipway_authorizer::{Authorizer as _, GrpcAuthorizer};
use slipway_broker::{Broker, Rabbit, topology::BUILDER_REQUESTS};
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
use uuid::Uuid;

use crate::{
    api,
    app::{
        App,
        worker::{Timing, Worker},
    },
    config::Config,
    executor::buildah::{Buildah, Settings},
    inbound::BuildRequestedHandler,
    outbound::CatalogClient,
    reconcile,
    store::Store,
};

/// Starts the service as a process of its own, over RabbitMQ.
pub async fn start(config: Config, supervisor: &mut Supervisor) -> anyhow::Result<()> {
    let settings = config.broker.clone().context("configuration: `broker.url` is missing")?;
    start_with(config, Arc::new(Rabbit::new("builder", settings)), supervisor).await
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
    let key = SigningKey::read(&config.identity.service_key_file, "builder")?;
    let outgoing = Outgoing::new(ServiceSigner::new(ServiceName::Builder, key));
    let permission = channel(&config.permission_address)?;
    let authorizer = Arc::new(GrpcAuthorizer::new(permission.clone(), outgoing.clone()));
    let catalog = CatalogClient::new(channel(&config.catalog_address)?, outgoing.clone());
    let app = App::new(store.clone(), authorizer.clone(), Arc::new(catalog));
    let stop = supervisor.stop_token();

    supervisor.spawn(
        "builder.access",
        Feed::new(database.clone(), permission, outgoing).run(stop.clone()),
    );
    let (consumer, handler) = (broker.clone(), Arc::new(BuildRequestedHandler::new(store.clone())));
    let consuming = stop.clone();
    supervisor.spawn("builder.requests", async move {
        consumer.consume(BUILDER_REQUESTS, handler, consuming).await
    });
    supervisor.spawn(
        "builder.relay",
        Relay::new(database.clone(), broker.clone(), "builder", wake).run(stop.clone()),
    );
    supervisor.spawn(
        "builder.reconcile",
        reconcile::run(store.clone(), Duration::from_secs(config.queue_seconds), stop.clone()),
    );
    if config.slots > 0 {
        let settings =
            Settings { insecure_registries: config.registries.insecure.clone(), ..config.executor };
        let policy = Policy { pip_urls: !config.packages.refuse_pip_urls, ..Policy::default() };
        let (executor, isolation) =
            Buildah::new(settings, policy, Registries::new(&config.registries)).await?;
        tracing::info!("{isolation}");
        let timing =
            Timing { attempt: Duration::from_secs(config.build_seconds), ..Timing::default() };
        let worker = Worker {
            id: Uuid::now_v7(),
            queue: Arc::new(store),
            executor: Arc::new(executor),
            slots: config.slots,
            timing,
        };
        supervisor.spawn("builder.worker", worker.run(stop.clone()));
    }

    let dependencies = Dependencies::default()
        .needs("database", database, |database| async move { database.ping().await })
        .uses("broker", broker, |broker| async move { Ok(broker.ping().await?) })
        .uses("permission", authorizer, |authorizer| async move { authorizer.ping().await });
    let server = Server {
        name: "builder",
        listen: config.listen,
        limits: config.limits,
        routes: api::routes(app, stop),
        services: api::SERVICES,
        verifier: Arc::new(Verifier::new(config.identity)),
        dependencies,
    };
    server.start(supervisor).await
}

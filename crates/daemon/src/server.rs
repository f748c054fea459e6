//! Starts, serves and drains one service.

use std::{
    error::Error as _,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use serde::{Deserialize, Serialize};
use slipway_identity::{IdentityLayer, Verifier};
use slipway_names::port::Ports;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::server::TcpIncoming};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Limits, Supervisor,
    admission::AdmissionLayer,
    call_layer::CallLayer,
    health::{Dependencies, HealthReport, routes, watch_dependencies},
    http2,
};

const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The addresses that a process listens on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    pub grpc: SocketAddr,
    /// Health over HTTP.
    pub http: SocketAddr,
}

impl Listen {
    /// Both ports on the loopback address.
    pub fn on_loopback(ports: Ports) -> Self {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { grpc: address(ports.grpc), http: address(ports.http) }
    }
}

/// One service and what is needed to serve it.
pub struct Server {
    /// For logs.
    pub name: &'static str,
    pub listen: Listen,
    pub limits: Limits,
    pub routes: Routes,
    /// Full names of the gRPC services, for reflection.
    pub services: &'static [&'static str],
    pub verifier: Arc<Verifier>,
    pub dependencies: Dependencies,
}

/// Selects the TLS implementation of rustls. Call it once, before the first TLS connection.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl Server {
    /// The largest message that a generated server has to decode, in bytes. The limit in force is
    /// `limits.message_bytes`, the same for every RPC.
    pub const MESSAGE_BYTES: usize = Limits::LARGEST_MESSAGE;

    /// Adds this server's tasks to the supervisor. The server listens when this returns.
    ///
    /// # Errors
    /// When an address cannot be bound, a limit is invalid, or the development issuer is trusted on
    /// an address that is not loopback.
    pub async fn start(self, supervisor: &mut Supervisor) -> anyhow::Result<()> {
        let name = self.name;
        let stop = supervisor.stop_token();
        self.limits.check()?;
        self.check_development_issuer()?;

        let has_all_keys = read_first_keys(name, &self.verifier).await;
        let refresh = refresh_keys(self.verifier.clone(), has_all_keys, stop.clone());
        supervisor.spawn("keys", refresh);

        let dependencies =
            self.dependencies.needs("keys", self.verifier.clone(), |verifier| async move {
                verifier.check_keys()
            });
        let (reporter, health_service) = tonic_health::server::health_reporter();
        reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        let (report_sender, reports) = watch::channel(HealthReport::default());
        let health = watch_dependencies(dependencies, reporter, report_sender, stop.clone());
        supervisor.spawn("health", health);

        let grpc = bind(name, self.listen.grpc, "gRPC").await?;
        let http = bind(name, self.listen.http, "HTTP").await?;

        let layers = ServiceBuilder::new()
            .layer(CatchPanicLayer::new())
            .layer(CallLayer)
            .layer(IdentityLayer::new(self.verifier))
            .layer(AdmissionLayer::new(&self.limits, stop.clone()))
            .into_inner();
        let router = http2::server(self.limits.header_bytes)
            .layer(layers)
            .add_routes(self.routes)
            .add_service(health_service)
            .add_service(reflection(self.services).build_v1()?)
            .add_service(reflection(self.services).build_v1alpha()?);

        let drain = stop.clone().cancelled_owned();
        supervisor.spawn("grpc", async move {
            let incoming = TcpIncoming::from(grpc).with_nodelay(Some(true));
            if let Err(error) = router.serve_with_incoming_shutdown(incoming, drain).await {
                tracing::error!(service.name = name, %error, "gRPC server failed");
            }
        });
        supervisor.spawn("http", serve_http(name, http, reports, stop));

        tracing::info!(
            service.name = name,
            grpc.address = %self.listen.grpc,
            http.address = %self.listen.http,
            "serving"
        );
        Ok(())
    }

    /// The development issuer's key is readable by local users, so its tokens are accepted on
    /// loopback only.
    fn check_development_issuer(&self) -> anyhow::Result<()> {
        let is_loopback =
            self.listen.grpc.ip().is_loopback() && self.listen.http.ip().is_loopback();

        anyhow::ensure!(
            is_loopback || !self.verifier.has_development_issuer(),
            "{} trusts the development issuer, which is allowed on loopback only; \
             listen on 127.0.0.1, or remove that issuer",
            self.name
        );
        Ok(())
    }
}

impl Supervisor {
    /// Runs until SIGTERM, SIGINT or the end of a task, then drains.
    ///
    /// # Errors
    /// When a task ended, so that the process exits with a failure and is restarted.
    pub async fn run_until_signal(mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;

        let failure = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            message = self.wait_for_task_end() => Some(message),
        };

        tracing::info!(failure, "stopping");
        self.shut_down(DRAIN_TIMEOUT).await;

        failure.map_or(Ok(()), |message| Err(anyhow::anyhow!(message)))
    }
}

async fn bind(name: &str, address: SocketAddr, protocol: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{name} cannot listen on {address} for {protocol}"))
}

fn reflection(services: &[&'static str]) -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(slipway_wire::DESCRIPTOR_SET);

    services.iter().fold(builder, |builder, service| builder.with_service_name(*service))
}

async fn serve_http(
    name: &'static str,
    listener: TcpListener,
    reports: watch::Receiver<HealthReport>,
    stop: CancellationToken,
) {
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let server =
        axum::serve(listener, routes(reports)).with_graceful_shutdown(stop.cancelled_owned());

    if let Err(error) = server.await {
        tracing::error!(service.name = name, %error, "HTTP server failed");
    }
}

/// Whether the keys of all issuers were read. The server starts without the missing ones.
async fn read_first_keys(name: &str, verifier: &Verifier) -> bool {
    let result = verifier.refresh().await;

    if let Err(fault) = &result {
        tracing::warn!(
            service.name = name,
            cause = ?fault.source(),
            "could not read the keys of at least one issuer; retrying"
        );
    }

    result.is_ok()
}

async fn refresh_keys(verifier: Arc<Verifier>, mut is_fresh: bool, stop: CancellationToken) {
    loop {
        let interval = if is_fresh { Verifier::REFRESH_INTERVAL } else { Verifier::RETRY_INTERVAL };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }

        let result = verifier.refresh().await;
        is_fresh = result.is_ok();
        if let Err(fault) = result {
            tracing::warn!(
                cause = ?fault.source(),
                "could not refresh the keys of at least one issuer; its old keys stay in use"
            );
        }
    }
}

//! Starting, serving and draining one process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use slipway_identity::{IdentityLayer, Verifier};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{service::Routes, transport::Server as GrpcServer};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Limits, Supervisor,
    admission::AdmissionLayer,
    call_layer::CallLayer,
    health::{Dependencies, Report, routes, watch_dependencies},
};

const DRAIN: Duration = Duration::from_secs(20);

/// Where a process listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// gRPC.
    pub grpc: SocketAddr,
    /// Health over HTTP.
    pub http: SocketAddr,
}

/// One service, ready to be served.
pub struct Server {
    /// For logs.
    pub name: &'static str,
    /// Its addresses.
    pub listen: Listen,
    /// What it takes from its callers.
    pub limits: Limits,
    /// Its RPCs.
    pub routes: Routes,
    /// Full names of its services, for reflection.
    pub services: &'static [&'static str],
    /// Who may be whom.
    pub verifier: Arc<Verifier>,
    /// What it needs.
    pub dependencies: Dependencies,
}

/// rustls wants its provider chosen once, before anything else.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl Server {
    /// Adds this server's tasks to the supervisor; it listens when this returns.
    ///
    /// # Errors
    /// When an address is taken, the service's keys cannot be read, or a limit is none.
    pub async fn start(self, supervisor: &mut Supervisor) -> anyhow::Result<()> {
        let name = self.name;
        self.limits.check()?;
        let is_loopback =
            self.listen.grpc.ip().is_loopback() && self.listen.http.ip().is_loopback();
        anyhow::ensure!(
            is_loopback || !self.verifier.trusts_development(),
            "{name} trusts the development issuer, which is allowed on loopback only; listen on 127.0.0.1, or remove that issuer"
        );
        let stop = supervisor.stop_token();
        let first = self.verifier.refresh().await;
        if let Err(fault) = &first {
            tracing::warn!(service.name = name, cause = ?std::error::Error::source(fault), "not all keys could be read yet");
        }
        supervisor.spawn("keys", refresh_keys(self.verifier.clone(), first.is_ok(), stop.clone()));

        let (reporter, health_service) = tonic_health::server::health_reporter();
        reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        let (report, reports) = watch::channel(Report::default());
        supervisor
            .spawn("health", watch_dependencies(self.dependencies, reporter, report, stop.clone()));

        let reflection = || {
            let all = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(slipway_wire::DESCRIPTOR_SET);
            self.services
                .iter()
                .fold(all, |reflection, service| reflection.with_service_name(*service))
        };
        let grpc = TcpListener::bind(self.listen.grpc)
            .await
            .with_context(|| format!("{name} cannot listen on {} for gRPC", self.listen.grpc))?;
        let http = TcpListener::bind(self.listen.http)
            .await
            .with_context(|| format!("{name} cannot listen on {} for HTTP", self.listen.http))?;
        let layers = ServiceBuilder::new()
            .layer(CatchPanicLayer::new())
            .layer(CallLayer)
            .layer(IdentityLayer::new(self.verifier))
            .layer(AdmissionLayer::new(&self.limits, stop.clone()))
            .into_inner();
        let router = GrpcServer::builder()
            .max_concurrent_streams(self.limits.streams_per_connection)
            .http2_max_header_list_size(self.limits.header_bytes)
            .http2_max_pending_accept_reset_streams(Some(self.limits.pending_resets))
            .http2_max_local_error_reset_streams(Some(self.limits.local_resets))
            .http2_keepalive_interval(Some(Duration::from_secs(self.limits.keep_alive_seconds)))
            .http2_keepalive_timeout(Some(Duration::from_secs(
                self.limits.keep_alive_timeout_seconds,
            )))
            .max_connection_age(Duration::from_secs(self.limits.connection_age_seconds))
            .layer(layers)
            .add_routes(self.routes)
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
        let drained = stop.clone();
        supervisor.spawn("grpc", async move {
            let served = router.serve_with_incoming_shutdown(
                TcpListenerStream::new(grpc),
                drained.cancelled_owned(),
            );
            if let Err(error) = served.await {
                tracing::error!(service.name = name, %error, "gRPC server failed");
            }
        });
        supervisor.spawn("http", async move {
            let served =
                axum::serve(http, routes(reports)).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(service.name = name, %error, "HTTP server failed");
            }
        });
        tracing::info!(service.name = name, grpc.address = %self.listen.grpc, http.address = %self.listen.http, "serving");
        Ok(())
    }

    /// What a generated server has to decode, in bytes; the limit in force is `limits.message_bytes`, the same for every RPC.
    pub const MESSAGE_BYTES: usize = Limits::LARGEST_MESSAGE;
}

impl Supervisor {
    /// Until a signal, or until a task fails; then drains.
    ///
    /// # Errors
    /// When a task failed, so that the process exits with a failure and is restarted.
    pub async fn run_until_signal(mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let failure = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            reason = self.first_end() => Some(reason),
        };
        tracing::info!(failure, "stopping");
        self.shut_down(DRAIN).await;
        failure.map_or(Ok(()), |reason| Err(anyhow::anyhow!(reason)))
    }
}

async fn refresh_keys(
    verifier: Arc<Verifier>,
    mut is_fresh: bool,
    stop: tokio_util::sync::CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(if is_fresh { Verifier::REFRESH } else { Verifier::RETRY }) => {}
        }
        let outcome = verifier.refresh().await;
        is_fresh = outcome.is_ok();
        if let Err(fault) = outcome {
            tracing::warn!(cause = ?std::error::Error::source(&fault), "keys could not be read again; the old ones stay");
        }
    }
}

//! Health per dependency: gRPC health under `dependency.<name>`, the whole under the empty name, and JSON on `/readyz`.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use slipway_fault::Fault;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + Sync>;

/// What a service cannot work without.
#[derive(Clone, Default)]
pub struct Dependencies(BTreeMap<&'static str, Probe>);

impl Dependencies {
    /// Asks `probe` about `what` once a second.
    #[must_use]
    pub fn with<T, F>(mut self, name: &'static str, what: T, probe: fn(T) -> F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        self.0.insert(name, Arc::new(move || Box::pin(probe(what.clone()))));
        self
    }
}

/// `ok`, or what is wrong, for each dependency.
pub type Report = BTreeMap<&'static str, String>;

/// Probes until `stop`, then tells that it stops.
pub(crate) async fn watch_dependencies(dependencies: Dependencies, reporter: HealthReporter, report: watch::Sender<Report>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let mut results = Report::new();
        for (name, probe) in &dependencies.0 {
            let result = match tokio::time::timeout(PATIENCE, probe()).await {
                Ok(Ok(())) => "ok".to_owned(),
                Ok(Err(fault)) => fault.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            reporter.set_service_status(format!("dependency.{name}"), status(result == "ok")).await;
            results.insert(name, result);
        }
        let is_ready = results.values().all(|result| result == "ok");
        reporter.set_service_status("", status(is_ready)).await;
        if report.send_replace(results.clone()) != results {
            tracing::info!(dependencies = ?results, health.ready = is_ready, "health changed");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    reporter.set_service_status("", ServingStatus::NotServing).await;
    report.send_replace(Report::from([("process", "stopping".to_owned())]));
}

fn status(is_ok: bool) -> ServingStatus {
    if is_ok { ServingStatus::Serving } else { ServingStatus::NotServing }
}

pub(crate) fn routes(report: watch::Receiver<Report>) -> Router {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(report)
}

async fn ready(State(report): State<watch::Receiver<Report>>) -> (StatusCode, Json<Report>) {
    let report = report.borrow().clone();
    let is_ready = !report.is_empty() && report.values().all(|result| result == "ok");
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
}

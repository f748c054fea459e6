//! Health of each dependency: gRPC health under `dependency.<name>` and of the process under the
//! empty name, and JSON on `/readyz`.
//!
//! The process is ready while every dependency that it needs answers. A dependency that it only
//! uses is reported but does not make it unready: a replica that leaves the load balancer while the
//! broker is away could not even accept the requests that it would keep in its outbox.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use slipway_fault::Fault;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + Sync>;

/// The dependencies of a service. Each is probed once a second.
#[derive(Clone, Default)]
pub struct Dependencies(BTreeMap<&'static str, Dependency>);

#[derive(Clone)]
struct Dependency {
    probe: Probe,
    is_needed: bool,
}

impl Dependencies {
    /// Adds a dependency without which no call can be answered.
    #[must_use]
    pub fn needs<T, F>(self, name: &'static str, target: T, probe: fn(T) -> F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        self.with(name, true, Arc::new(move || Box::pin(probe(target.clone()))))
    }

    /// Adds a dependency without which some calls wait or fail, and others are answered.
    #[must_use]
    pub fn uses<T, F>(self, name: &'static str, target: T, probe: fn(T) -> F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        self.with(name, false, Arc::new(move || Box::pin(probe(target.clone()))))
    }

    fn with(mut self, name: &'static str, is_needed: bool, probe: Probe) -> Self {
        self.0.insert(name, Dependency { probe, is_needed });
        self
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HealthReport {
    is_ready: bool,
    /// `ok` or an error message for each dependency.
    results: BTreeMap<&'static str, String>,
}

impl HealthReport {
    /// Which dependencies are ok. Error messages may change with each probe.
    fn states(&self) -> Vec<(&'static str, bool)> {
        self.results.iter().map(|(name, result)| (*name, result == "ok")).collect()
    }
}

/// Probes the dependencies until `stop`, then reports that the process is stopping.
pub(crate) async fn watch_dependencies(
    dependencies: Dependencies,
    reporter: HealthReporter,
    reports: watch::Sender<HealthReport>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let report = probe_all(&dependencies, &reporter).await;
        reporter.set_service_status("", serving_status(report.is_ready)).await;

        if reports.send_replace(report.clone()).states() != report.states() {
            tracing::info!(
                dependencies = ?report.results,
                health.ready = report.is_ready,
                "health changed"
            );
        }

        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PROBE_INTERVAL) => {}
        }
    }

    reporter.set_service_status("", ServingStatus::NotServing).await;
    reports.send_replace(HealthReport {
        is_ready: false,
        results: BTreeMap::from([("process", "stopping".to_owned())]),
    });
}

async fn probe_all(dependencies: &Dependencies, reporter: &HealthReporter) -> HealthReport {
    let mut report = HealthReport { is_ready: true, results: BTreeMap::new() };

    for (name, dependency) in &dependencies.0 {
        let result = match tokio::time::timeout(PROBE_TIMEOUT, (dependency.probe)()).await {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => format!("no answer within {} s", PROBE_TIMEOUT.as_secs()),
        };
        let is_ok = result == "ok";

        reporter.set_service_status(format!("dependency.{name}"), serving_status(is_ok)).await;
        report.is_ready &= is_ok || !dependency.is_needed;
        report.results.insert(name, result);
    }

    report
}

fn serving_status(is_ok: bool) -> ServingStatus {
    if is_ok { ServingStatus::Serving } else { ServingStatus::NotServing }
}

pub(crate) fn routes(reports: watch::Receiver<HealthReport>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(reports)
}

async fn ready(
    State(reports): State<watch::Receiver<HealthReport>>,
) -> (StatusCode, Json<BTreeMap<&'static str, String>>) {
    let HealthReport { is_ready, results } = reports.borrow().clone();
    let code = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };

    (code, Json(results))
}

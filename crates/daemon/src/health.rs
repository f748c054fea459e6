//! Health per dependency: gRPC health under `dependency.<name>`, the whole under the empty name, and JSON on `/readyz`.
//!
//! The process is ready while everything that it needs answers. What it only uses is told apart: a replica that is taken out because the
//! broker is away could not even accept the requests that it would keep.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use slipway_fault::Fault;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + Sync>;

/// What a service asks of others; each is asked once a second.
#[derive(Clone, Default)]
pub struct Dependencies(BTreeMap<&'static str, Dependency>);

#[derive(Clone)]
struct Dependency {
    probe: Probe,
    is_needed: bool,
}

impl Dependencies {
    /// Without it no call can be answered.
    #[must_use]
    pub fn needs<T, F>(self, name: &'static str, what: T, probe: fn(T) -> F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        self.with(name, true, Arc::new(move || Box::pin(probe(what.clone()))))
    }

    /// Without it some calls wait or are refused, and others are answered.
    #[must_use]
    pub fn uses<T, F>(self, name: &'static str, what: T, probe: fn(T) -> F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        self.with(name, false, Arc::new(move || Box::pin(probe(what.clone()))))
    }

    fn with(mut self, name: &'static str, is_needed: bool, probe: Probe) -> Self {
        self.0.insert(name, Dependency { probe, is_needed });
        self
    }
}

/// `ok`, or what is wrong, for each dependency; and whether the process is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    is_ready: bool,
    results: BTreeMap<&'static str, String>,
}

/// Probes until `stop`, then tells that it stops.
pub(crate) async fn watch_dependencies(
    dependencies: Dependencies,
    reporter: HealthReporter,
    report: watch::Sender<Report>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let mut now = Report { is_ready: true, results: BTreeMap::new() };
        for (name, dependency) in &dependencies.0 {
            let result = match tokio::time::timeout(PATIENCE, (dependency.probe)()).await {
                Ok(Ok(())) => "ok".to_owned(),
                Ok(Err(fault)) => fault.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            let is_ok = result == "ok";
            reporter.set_service_status(format!("dependency.{name}"), status(is_ok)).await;
            now.is_ready &= is_ok || !dependency.is_needed;
            now.results.insert(name, result);
        }
        reporter.set_service_status("", status(now.is_ready)).await;
        if report.send_replace(now.clone()) != now {
            tracing::info!(dependencies = ?now.results, health.ready = now.is_ready, "health changed");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    reporter.set_service_status("", ServingStatus::NotServing).await;
    report.send_replace(Report {
        is_ready: false,
        results: BTreeMap::from([("process", "stopping".to_owned())]),
    });
}

fn status(is_ok: bool) -> ServingStatus {
    if is_ok { ServingStatus::Serving } else { ServingStatus::NotServing }
}

pub(crate) fn routes(report: watch::Receiver<Report>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(report)
}

async fn ready(
    State(report): State<watch::Receiver<Report>>,
) -> (StatusCode, Json<BTreeMap<&'static str, String>>) {
    let Report { is_ready, results } = report.borrow().clone();
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(results))
}

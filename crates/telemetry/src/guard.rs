//! Setting up the subscriber once, and flushing at the end.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// What is told, and where to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Filter directives such as `info,slipway_builder=debug`.
    pub log: String,
    /// `json` or `text`.
    pub log_format: LogFormat,
    /// OTLP gRPC endpoint for traces, such as `http://localhost:4317`; empty for none.
    pub otlp_endpoint: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Json, otlp_endpoint: String::new() }
    }
}

/// Keeps the exporter alive; flushes when dropped, so drop it last.
#[derive(Debug)]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take() {
            let _ = provider.shutdown();
        }
    }
}

/// Sets up logs and traces of this process. Called once, before anything is logged.
///
/// # Errors
/// When a filter directive or the endpoint cannot be parsed.
pub fn init(
    service: &'static str,
    settings: &Settings,
) -> Result<Guard, Box<dyn std::error::Error + Send + Sync>> {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let filter = EnvFilter::builder().parse(&settings.log)?;
    let logs = match settings.log_format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .boxed(),
    };
    // A provider without an exporter still gives every span an id, so that traces pass through.
    let mut builder = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(service).build());
    if !settings.otlp_endpoint.is_empty() {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&settings.otlp_endpoint)
            .build()?;
        builder = builder.with_batch_exporter(exporter);
    }
    let provider = builder.build();
    // However quiet the log is, traces pass through; libraries' own spans stay out of them.
    let ours = filter_fn(|metadata| {
        metadata.target().starts_with("slipway") && *metadata.level() <= Level::INFO
    });
    let traces =
        tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(ours);
    tracing_subscriber::registry().with(logs.with_filter(filter)).with(traces).try_init()?;
    Ok(Guard { provider: Some(provider) })
}

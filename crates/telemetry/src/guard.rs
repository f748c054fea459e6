//! Sets up logs and traces of the process, and flushes the traces at its end.

use std::{error::Error, io::IsTerminal as _};

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// Plain text, with colours on a terminal.
    Text,
}

/// Configuration of logs and traces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Filter directives such as `info,slipway_builder=debug`.
    pub log: String,
    pub log_format: LogFormat,
    /// OTLP gRPC endpoint for traces, such as `http://localhost:4317`. No traces
    /// are exported if it is empty.
    pub otlp_endpoint: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Json, otlp_endpoint: String::new() }
    }
}

/// Keeps the trace exporter alive. Dropping it flushes the traces, so drop it last.
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

/// Sets up logs and traces of this process. Call it once, before anything is logged.
///
/// # Errors
/// When a filter directive or the endpoint cannot be parsed, or logs were set up before.
pub fn init(
    service: &'static str,
    settings: &Settings,
) -> Result<Guard, Box<dyn Error + Send + Sync>> {
    global::set_text_map_propagator(TraceContextPropagator::new());

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

    // Traces do not depend on the log filter, so that a quiet log does not interrupt them. Spans of
    // libraries are left out.
    let provider = tracer_provider(service, &settings.otlp_endpoint)?;
    let is_traced = filter_fn(|metadata| {
        metadata.target().starts_with("slipway") && *metadata.level() <= Level::INFO
    });
    let traces =
        tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(is_traced);

    tracing_subscriber::registry().with(logs.with_filter(filter)).with(traces).try_init()?;
    Ok(Guard { provider: Some(provider) })
}

/// A provider without an exporter still gives every span an id, so that traces of callers continue
/// in the services that this one calls.
fn tracer_provider(
    service: &'static str,
    otlp_endpoint: &str,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let resource = Resource::builder().with_service_name(service).build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    if otlp_endpoint.is_empty() {
        return Ok(builder.build());
    }

    let exporter = SpanExporter::builder().with_tonic().with_endpoint(otlp_endpoint).build()?;
    Ok(builder.with_batch_exporter(exporter).build())
}

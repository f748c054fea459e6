//! The W3C traceparent of the current span, in and out of headers and messages.

use std::collections::HashMap;

use opentelemetry::{Context, global};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const HEADER: &str = "traceparent";

/// The current span's traceparent; empty outside any trace.
pub fn current() -> String {
    let mut carrier = HashMap::new();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Span::current().context(), &mut carrier)
    });
    carrier.remove(HEADER).unwrap_or_default()
}

/// Adds the current trace to an outgoing call.
pub fn inject(metadata: &mut tonic::metadata::MetadataMap) {
    if let Ok(value) = current().parse() {
        metadata.insert(HEADER, value);
    }
}

/// The traceparent that a call came with.
pub fn from_headers(headers: &http::HeaderMap) -> &str {
    headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Makes `span` a child of the span that `traceparent` names; an invalid one is ignored.
pub fn set_parent(span: &Span, traceparent: &str) {
    if !traceparent.is_empty() {
        let carrier = HashMap::from([(HEADER.to_owned(), traceparent.to_owned())]);
        let context: Context =
            global::get_text_map_propagator(|propagator| propagator.extract(&carrier));
        let _ = span.set_parent(context);
    }
}

//! Reads and writes the W3C traceparent of spans, in headers and messages.

use std::collections::HashMap;

use opentelemetry::{Context, global};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const HEADER: &str = "traceparent";

/// The traceparent of the current span; empty outside of a trace.
pub fn current_traceparent() -> String {
    let mut carrier = HashMap::new();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Span::current().context(), &mut carrier);
    });

    carrier.remove(HEADER).unwrap_or_default()
}

/// Adds the traceparent of the current span to the metadata of an outgoing call.
pub fn inject_traceparent(metadata: &mut tonic::metadata::MetadataMap) {
    if let Ok(value) = current_traceparent().parse() {
        metadata.insert(HEADER, value);
    }
}

/// The traceparent of an incoming call; empty if there is none.
pub fn traceparent_from_headers(headers: &http::HeaderMap) -> &str {
    headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Makes `span` a child of the span that `traceparent` names. An invalid traceparent is ignored.
pub fn set_parent(span: &Span, traceparent: &str) {
    if traceparent.is_empty() {
        return;
    }

    let carrier = HashMap::from([(HEADER.to_owned(), traceparent.to_owned())]);
    let context: Context =
        global::get_text_map_propagator(|propagator| propagator.extract(&carrier));
    let _ = span.set_parent(context);
}

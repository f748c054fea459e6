//! The layer around every call: a request id, a span that continues the caller's trace, and the
//! deadline.
//!
//! An expired `grpc-timeout` is answered with DEADLINE_EXCEEDED; tonic alone would answer
//! CANCELLED. Streams have no deadline.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use slipway_fault::{Fault, Reason};
use slipway_request::method::is_stream;
use tokio::time::Instant;
use tonic::Status;
use tower::{Layer, Service};
use tracing::Instrument as _;
use uuid::Uuid;

const REQUEST_ID_HEADER: &str = "x-request-id";
/// A longer request id of the client is replaced.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// For calls without a `grpc-timeout`.
const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A longer `grpc-timeout` is shortened to this.
const MAX_CALL_TIMEOUT: Duration = Duration::from_secs(300);

tokio::task_local! {
    static DEADLINE: Instant;
}

/// The time until the current call's deadline; `None` in streams and background tasks.
pub fn remaining_deadline() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// Adds the request id, the span and the deadline to each call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLayer;

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { inner }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct CallService<S> {
    inner: S,
}

impl<S, In, Out> Service<http::Request<In>> for CallService<S>
where
    S: Service<http::Request<In>, Response = http::Response<Out>>,
    S::Future: Send + 'static,
    S::Error: Send,
    Out: Default + Send,
{
    type Response = http::Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<In>) -> Self::Future {
        let method = request.uri().path().trim_start_matches('/').to_owned();
        if method.starts_with("grpc.") {
            return Box::pin(self.inner.call(request));
        }

        let request_id = request_id(request.headers());
        let span = tracing::info_span!(
            "rpc",
            rpc.method = method,
            request.id = request_id,
            otel.kind = "server"
        );
        let traceparent = slipway_telemetry::traceparent_from_headers(request.headers());
        slipway_telemetry::set_parent(&span, traceparent);

        let timeout = (!is_stream(&method)).then(|| call_timeout(request.headers()));
        // `inner` starts tonic's timer for the same `grpc-timeout`. Our timer starts first, so that
        // it also ends first; tonic's would answer CANCELLED.
        let start = Instant::now();
        let response = self.inner.call(request);

        let call = async move {
            let mut response = run_with_timeout(response, start, timeout).await?;
            if let Ok(value) = HeaderValue::try_from(request_id) {
                response.headers_mut().insert(REQUEST_ID_HEADER, value);
            }
            log_response(response.headers(), start.elapsed());

            Ok(response)
        };
        Box::pin(call.instrument(span))
    }
}

async fn run_with_timeout<Out: Default, E>(
    call: impl Future<Output = Result<http::Response<Out>, E>>,
    start: Instant,
    timeout: Option<Duration>,
) -> Result<http::Response<Out>, E> {
    let Some(timeout) = timeout else { return call.await };

    let deadline = start + timeout;
    match tokio::time::timeout_at(deadline, DEADLINE.scope(deadline, call)).await {
        Ok(result) => result,
        Err(_) => Ok(Status::from(deadline_exceeded(timeout)).into_http()),
    }
}

fn deadline_exceeded(timeout: Duration) -> Fault {
    Fault::new(
        Reason::DeadlineExceeded,
        format!(
            "The call did not finish within its {} ms. Give it a longer deadline.",
            timeout.as_millis()
        ),
    )
}

fn log_response(headers: &HeaderMap, duration: Duration) {
    let code = headers.get("grpc-status").and_then(|value| value.to_str().ok()).unwrap_or("0");

    tracing::info!(
        rpc.grpc_code = code,
        rpc.took_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        "call answered"
    );
}

/// The client's request id, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID_HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|id| id.len() <= MAX_REQUEST_ID_BYTES)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn call_timeout(headers: &HeaderMap) -> Duration {
    requested_timeout(headers).unwrap_or(DEFAULT_CALL_TIMEOUT).min(MAX_CALL_TIMEOUT)
}

/// `grpc-timeout` (gRPC over HTTP/2, Requests): at most eight digits and a unit.
fn requested_timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }

    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

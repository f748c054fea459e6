//! Around every call: a request id, a span that continues the caller's trace, and the deadline.
//!
//! tonic answers an expired `grpc-timeout` with CANCELLED; here it is DEADLINE_EXCEEDED. Streams have no deadline.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use slipway_fault::{Fault, Reason};
use tokio::time::Instant;
use tonic::Status;
use tower::{Layer, Service};
use tracing::Instrument as _;
use uuid::Uuid;

const REQUEST_ID: &str = "x-request-id";
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
const LONGEST_DEADLINE: Duration = Duration::from_secs(300);

tokio::task_local! {
    static DEADLINE: Instant;
}

/// What is left of the current call's time; `None` in streams and background work.
pub fn remaining() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// See the module.
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
        let request_id = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| id.len() <= 64)
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let span = tracing::info_span!(
            "rpc",
            rpc.method = method,
            request.id = request_id,
            otel.kind = "server"
        );
        slipway_telemetry::set_parent(&span, slipway_telemetry::from_headers(request.headers()));
        let limit = (!is_stream(&method)).then(|| {
            requested_deadline(request.headers()).unwrap_or(DEFAULT_DEADLINE).min(LONGEST_DEADLINE)
        });
        // Before tonic sets its own timer for the same deadline, which would answer CANCELLED if it ended first.
        let began = Instant::now();
        let answer = self.inner.call(request);
        let call = async move {
            let result = match limit {
                None => answer.await,
                Some(limit) => {
                    let deadline = began + limit;
                    match tokio::time::timeout_at(deadline, DEADLINE.scope(deadline, answer)).await
                    {
                        Ok(result) => result,
                        Err(_) => {
                            let fault = Fault::new(
                                Reason::DeadlineExceeded,
                                format!(
                                    "the call did not finish within its {} ms; give it a longer deadline",
                                    limit.as_millis()
                                ),
                            );
                            Ok(Status::from(fault).into_http())
                        }
                    }
                }
            };
            result.map(|mut response| {
                if let Ok(value) = request_id.parse() {
                    response.headers_mut().insert(REQUEST_ID, value);
                }
                let code = response
                    .headers()
                    .get("grpc-status")
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or("0");
                tracing::info!(
                    rpc.grpc_code = code,
                    rpc.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "call answered"
                );
                response
            })
        };
        Box::pin(call.instrument(span))
    }
}

/// By the naming rule of `proto/`: streams begin with Watch or Stream.
fn is_stream(method: &str) -> bool {
    let name = method.rsplit('/').next().unwrap_or_default();
    name.starts_with("Watch") || name.starts_with("Stream")
}

/// `grpc-timeout` (gRPC over HTTP/2, Requests): at most eight digits and a unit.
fn requested_deadline(headers: &http::HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount: u64 = (digits.len() <= 8).then(|| digits.parse().ok())??;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

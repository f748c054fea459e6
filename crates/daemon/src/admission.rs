//! Admits or rejects calls by the limits on concurrent calls.
//!
//! A call above a limit is rejected at once; a queue would only delay every caller. Calls of
//! Slipway's own services count for the process only: the calling service has already counted the
//! user.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};

use crate::{
    Limits,
    body::{PermitBody, limit_request_body},
    concurrency::{ConcurrencyLimits, Permit},
};

/// Sent with each rejection as `RetryInfo`.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Belongs behind the identity layer. Health calls are always admitted.
#[derive(Clone)]
pub(crate) struct AdmissionLayer {
    limits: Arc<ConcurrencyLimits>,
    message_bytes: usize,
    stop: CancellationToken,
}

impl AdmissionLayer {
    /// Users' calls are rejected once `stop` is cancelled.
    pub(crate) fn new(limits: &Limits, stop: CancellationToken) -> Self {
        Self {
            limits: Arc::new(ConcurrencyLimits::new(limits)),
            message_bytes: limits.message_bytes,
            stop,
        }
    }

    fn admit(&self, caller: Option<&Caller>) -> Result<Permit, Fault> {
        let is_service = caller.is_some_and(|caller| caller.service.is_some());

        // While the process drains, a service may still need answers for its callers' calls.
        if self.stop.is_cancelled() && !is_service {
            return Err(shutting_down());
        }

        let user = caller.and_then(|caller| caller.user.as_ref()).map(|user| user.id);
        self.limits.acquire(user.filter(|_| !is_service))
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = AdmissionService<S>;

    fn layer(&self, inner: S) -> AdmissionService<S> {
        AdmissionService { layer: self.clone(), inner }
    }
}

#[derive(Clone)]
pub(crate) struct AdmissionService<S> {
    layer: AdmissionLayer,
    inner: S,
}

impl<S> Service<http::Request<Body>> for AdmissionService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path();
        if path.starts_with("/grpc.health.") {
            return Box::pin(self.inner.call(request));
        }

        let is_reflection = path.starts_with("/grpc.");
        let admitted = if is_reflection {
            self.layer.limits.acquire_for_reflection()
        } else {
            self.layer.admit(request.extensions().get::<Caller>())
        };
        let permit = match admitted {
            Ok(permit) => permit,
            Err(fault) => {
                let response = rejection(fault).into_http();
                return Box::pin(async move { Ok(response) });
            }
        };

        // A reflection request is a stream of many messages; only other requests are limited.
        let request = if is_reflection {
            request
        } else {
            request.map(|body| limit_request_body(body, self.layer.message_bytes))
        };
        let response = self.inner.call(request);

        Box::pin(async move {
            let response = response.await?;
            Ok(response.map(|body| Body::new(PermitBody::new(body, permit))))
        })
    }
}

fn shutting_down() -> Fault {
    Fault::new(
        Reason::ShuttingDown,
        "This replica is stopping; nothing was changed. \
         Repeat the call; another replica will answer it.",
    )
}

fn rejection(fault: Fault) -> Status {
    let status = Status::from(fault);

    let mut details = status.get_error_details();
    details.set_retry_info(Some(RETRY_DELAY));

    Status::with_error_details(status.code(), status.message(), details)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt as _, service_fn};

    use super::*;

    const GET_IMAGE: &str = "/slipway.catalog.v1.ImageService/GetImage";

    async fn answer_empty(_: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
        Ok(http::Response::new(Body::empty()))
    }

    /// The reason of the rejection; `None` when the call is admitted.
    async fn rejection_reason(layer: &AdmissionLayer, path: &str) -> Option<String> {
        let request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = layer.layer(service_fn(answer_empty)).oneshot(request).await.unwrap();

        let status = Status::from_header_map(response.headers())?;
        let details = status.get_error_details();
        assert!(details.retry_info().is_some(), "{status:?}");

        details.error_info().map(|info| info.reason.clone())
    }

    #[tokio::test]
    async fn stopping_process_rejects_calls_but_answers_health() {
        let stop = CancellationToken::new();
        let layer = AdmissionLayer::new(&Limits::default(), stop.clone());
        assert_eq!(rejection_reason(&layer, GET_IMAGE).await, None);

        stop.cancel();
        assert_eq!(rejection_reason(&layer, GET_IMAGE).await.as_deref(), Some("SHUTTING_DOWN"));
        assert_eq!(rejection_reason(&layer, "/grpc.health.v1.Health/Check").await, None);
    }
}

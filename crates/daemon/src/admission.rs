//! How many calls run at once, in all and of one user. What is above a limit is refused at once: a queue would only make everybody late.
//!
//! A stream counts while it is open. Slipway's services count in all alone: the service in front has counted its user already.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::id::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};

use crate::{
    Limits,
    body::{Bounded, Holding},
};

const TRY_AGAIN: Duration = Duration::from_secs(1);
const REFLECTIONS: usize = 32;

/// Lets calls in, behind the identity layer. Health is always answered.
#[derive(Clone)]
pub(crate) struct AdmissionLayer {
    door: Arc<Door>,
    message_bytes: usize,
}

struct Door {
    all: Arc<Semaphore>,
    reflections: Arc<Semaphore>,
    calls: usize,
    calls_per_caller: usize,
    running: Mutex<HashMap<UserId, usize>>,
    stop: CancellationToken,
}

impl AdmissionLayer {
    /// Refuses everything after `stop`.
    pub(crate) fn new(limits: &Limits, stop: CancellationToken) -> Self {
        let door = Door {
            all: Arc::new(Semaphore::new(limits.calls.min(Semaphore::MAX_PERMITS))),
            reflections: Arc::new(Semaphore::new(REFLECTIONS)),
            calls: limits.calls,
            calls_per_caller: limits.calls_per_caller,
            running: Mutex::default(),
            stop,
        };
        Self { door: Arc::new(door), message_bytes: limits.message_bytes }
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = AdmissionService<S>;

    fn layer(&self, inner: S) -> AdmissionService<S> {
        AdmissionService { layer: self.clone(), inner }
    }
}

/// See [`AdmissionLayer`].
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
        let place = match is_reflection {
            true => self.layer.door.enter_for_reflection(),
            false => self.layer.door.enter(request.extensions().get::<Caller>()),
        };
        let place = match place {
            Ok(place) => place,
            Err(fault) => {
                let refusal = refusal(fault).into_http();
                return Box::pin(async move { Ok(refusal) });
            }
        };
        let limit = self.layer.message_bytes;
        // Reflection is one stream of many questions.
        let request = if is_reflection {
            request
        } else {
            request.map(|body| Body::new(Bounded::new(body, limit)))
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Body::new(Holding::new(body, place))))
        })
    }
}

impl Door {
    /// Nobody has to say who asks, so it takes no place from those who do.
    fn enter_for_reflection(&self) -> Result<Place, Fault> {
        let place = self.reflections.clone().try_acquire_owned().map_err(|_| {
            let message = format!("this replica answers {REFLECTIONS} streams of reflection, as many as it may; try again in a moment");
            Fault::new(Reason::TooManyCalls, message).metadata("limit", REFLECTIONS).metadata("of", "process")
        })?;
        Ok(Place { _of_all: place, _of_caller: None })
    }

    /// A service finishes what a caller began: while the process stops, its calls are let in until the drain ends.
    fn enter(self: &Arc<Self>, caller: Option<&Caller>) -> Result<Place, Fault> {
        if self.stop.is_cancelled() && caller.is_none_or(|caller| caller.service.is_none()) {
            return Err(Fault::new(
                Reason::ShuttingDown,
                "this replica is stopping, and nothing was changed; call again, another one answers",
            ));
        }
        let person = caller
            .filter(|caller| caller.service.is_none())
            .and_then(|caller| caller.user.as_ref());
        let of_caller = person.map(|user| self.count(user.id)).transpose()?;
        let of_all = self.all.clone().try_acquire_owned().map_err(|_| {
            let message = format!(
                "this replica runs {} calls, as many as it may; try again in a moment",
                self.calls
            );
            Fault::new(Reason::TooManyCalls, message)
                .metadata("limit", self.calls)
                .metadata("of", "process")
        })?;
        Ok(Place { _of_all: of_all, _of_caller: of_caller })
    }

    fn count(self: &Arc<Self>, user: UserId) -> Result<Counted, Fault> {
        let mut running = self.running();
        let own = running.entry(user).or_default();
        if *own >= self.calls_per_caller {
            let message = format!(
                "you have {own} calls and streams open, as many as one caller may; end some, or try again when one has ended"
            );
            return Err(Fault::new(Reason::TooManyCalls, message)
                .metadata("limit", self.calls_per_caller)
                .metadata("of", "caller"));
        }
        *own += 1;
        Ok(Counted { door: self.clone(), user })
    }

    fn running(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a call that was let in; free again when this is dropped.
struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_caller: Option<Counted>,
}

struct Counted {
    door: Arc<Door>,
    user: UserId,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut running = self.door.running();
        if let Some(own) = running.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                running.remove(&self.user);
            }
        }
    }
}

fn refusal(fault: Fault) -> Status {
    let status = Status::from(fault);
    let mut details = status.get_error_details();
    details.set_retry_info(Some(TRY_AGAIN));
    Status::with_error_details(status.code(), status.message(), details)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt as _, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_stopping_process_refuses_calls_and_still_tells_its_health() {
        let stop = CancellationToken::new();
        let service = AdmissionLayer::new(&Limits::default(), stop.clone()).layer(service_fn(
            |_: http::Request<Body>| async {
                Ok::<_, Infallible>(http::Response::new(Body::empty()))
            },
        ));
        let reason = async |path: &str| {
            let request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            let status = Status::from_header_map(response.headers())?;
            let details = status.get_error_details();
            assert!(details.retry_info().is_some(), "{status:?}");
            details.error_info().map(|info| info.reason.clone())
        };
        assert_eq!(reason("/slipway.catalog.v1.ImageService/GetImage").await, None);
        stop.cancel();
        assert_eq!(
            reason("/slipway.catalog.v1.ImageService/GetImage").await.as_deref(),
            Some("SHUTTING_DOWN")
        );
        assert_eq!(reason("/grpc.health.v1.Health/Check").await, None);
    }
}

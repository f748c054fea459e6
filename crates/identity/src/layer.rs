//! The tower layer that verifies before a handler sees the call.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use slipway_fault::{Fault, Reason};
use tonic::Status;
use tower::{Layer, Service};

use crate::{
    Verifier,
    caller::{Caller, ON_BEHALF_OF},
};

/// Verifies every call but health and reflection.
#[derive(Clone)]
pub struct IdentityLayer(Arc<Verifier>);

impl IdentityLayer {
    /// Shares the verifier.
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self(verifier)
    }
}

impl<S> Layer<S> for IdentityLayer {
    type Service = IdentityService<S>;

    fn layer(&self, inner: S) -> IdentityService<S> {
        IdentityService { verifier: self.0.clone(), inner }
    }
}

/// See [`IdentityLayer`].
#[derive(Clone)]
pub struct IdentityService<S> {
    verifier: Arc<Verifier>,
    inner: S,
}

impl<S, In, Out> Service<http::Request<In>> for IdentityService<S>
where
    S: Service<http::Request<In>, Response = http::Response<Out>>,
    Out: Default,
{
    type Response = http::Response<Out>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<http::Response<Out>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<In>) -> Self::Future {
        if request.uri().path().starts_with("/grpc.") {
            return Either::Left(self.inner.call(request));
        }
        match verify(&self.verifier, request.headers()) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Either::Left(self.inner.call(request))
            }
            Err(fault) => Either::Right(ready(Ok(Status::from(fault).into_http()))),
        }
    }
}

fn verify(verifier: &Verifier, headers: &http::HeaderMap) -> Result<Caller, Fault> {
    let missing =
        || Fault::new(Reason::TokenMissing, "the call has no token; send `authorization: Bearer <token>` (command line: --token or SLIPWAY_TOKEN)");
    let bearer = headers.get(http::header::AUTHORIZATION).ok_or_else(missing)?;
    let bearer = bearer.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(missing)?;
    let on_behalf_of = headers.get(ON_BEHALF_OF).and_then(|value| value.to_str().ok());
    verifier.verify(bearer.trim(), on_behalf_of)
}

/// The verified caller of a request.
pub fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, Fault> {
    request.extensions().get::<Caller>().cloned().ok_or_else(|| Fault::internal("a handler was mounted without the identity layer"))
}

//! The tower layer that verifies the tokens of a call before its handler runs.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, header::AUTHORIZATION};
use slipway_fault::{Fault, Reason};
use tonic::Status;
use tower::{Layer, Service};

use crate::{
    Verifier,
    caller::{Caller, ON_BEHALF_OF},
};

/// Verifies every call except health and reflection.
#[derive(Clone)]
pub struct IdentityLayer(Arc<Verifier>);

impl IdentityLayer {
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
    S: Service<http::Request<In>, Response = http::Response<Out>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    In: Send + 'static,
    Out: Default,
{
    type Response = http::Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<In>) -> Self::Future {
        if request.uri().path().starts_with("/grpc.") {
            return Box::pin(self.inner.call(request));
        }

        // `self.inner` was polled ready and has to take this call; its clone was not.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let verifier = self.verifier.clone();

        Box::pin(async move {
            match verify(&verifier, request.headers()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(fault) => Ok(Status::from(fault).into_http()),
            }
        })
    }
}

async fn verify(verifier: &Verifier, headers: &HeaderMap) -> Result<Caller, Fault> {
    let bearer = bearer_token(headers)?;
    let on_behalf_of = on_behalf_of_token(headers)?;
    verifier.verify(bearer, on_behalf_of).await
}

/// The scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer_token(headers: &HeaderMap) -> Result<&str, Fault> {
    let value = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(token_missing)?;
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(token_missing)?;

    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(token_missing()) }
}

fn on_behalf_of_token(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let Some(value) = headers.get(ON_BEHALF_OF) else { return Ok(None) };

    value.to_str().map(Some).map_err(|error| {
        let message = format!("The metadata `{ON_BEHALF_OF}` is not a token. Send a signed JWT.");
        Fault::new(Reason::TokenMalformed, message).cause(error)
    })
}

fn token_missing() -> Fault {
    Fault::new(
        Reason::TokenMissing,
        "The call has no token. Send `authorization: Bearer <token>` \
         (command line: --token or SLIPWAY_TOKEN).",
    )
}

/// The verified caller of a request.
///
/// # Errors
/// `INTERNAL` when the handler runs without [`IdentityLayer`].
pub fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, Fault> {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| Fault::internal("a handler was mounted without the identity layer"))
}

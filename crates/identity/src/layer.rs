//! The tower layer that verifies before a handler sees the call.

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
        // The one that was polled ready takes the call; its clone has to be polled first.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let verifier = self.verifier.clone();
        let tokens = Tokens::of(request.headers());
        Box::pin(async move {
            let verified = match tokens {
                Ok(tokens) => verifier.verify(&tokens.bearer, tokens.on_behalf_of.as_deref()).await,
                Err(fault) => Err(fault),
            };
            match verified {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(fault) => Ok(Status::from(fault).into_http()),
            }
        })
    }
}

/// What a call brings along to say who makes it.
struct Tokens {
    bearer: String,
    on_behalf_of: Option<String>,
}

impl Tokens {
    fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        Ok(Self { bearer: bearer(headers)?, on_behalf_of: on_behalf_of(headers)? })
    }
}

/// The case of the scheme does not matter (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Result<String, Fault> {
    let missing = || {
        Fault::new(
            Reason::TokenMissing,
            "the call has no token; send `authorization: Bearer <token>` (command line: --token or SLIPWAY_TOKEN)",
        )
    };
    let value =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(missing)?;
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim().to_owned()) } else { Err(missing()) }
}

fn on_behalf_of(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let token =
        headers.get(ON_BEHALF_OF).map(|value| value.to_str().map(str::to_owned)).transpose();
    token.map_err(|error| {
        Fault::new(Reason::TokenMalformed, format!("`{ON_BEHALF_OF}` is not a token")).cause(error)
    })
}

/// The verified caller of a request.
pub fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, Fault> {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| Fault::internal("a handler was mounted without the identity layer"))
}

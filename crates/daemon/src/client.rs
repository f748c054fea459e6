//! Calls to other services: their channel, identity, trace and deadline.

use std::{fmt, sync::Arc, time::Duration};

use slipway_fault::{Fault, Reason, sent_reason};
use slipway_identity::{Caller, ON_BEHALF_OF, ServiceSigner};
use tonic::{
    Code, Request, Response, Status,
    metadata::MetadataValue,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::call_layer::remaining_deadline;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// For calls that are made outside of a call with a deadline.
const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Time kept for our own response. It reaches the caller before the caller's deadline ends.
const RESPONSE_RESERVE: Duration = Duration::from_millis(100);

/// A channel that connects at its first call, and reconnects after a failure.
///
/// # Errors
/// `INTERNAL` when `address` is not a URL or the system's root certificates cannot be loaded.
pub fn channel(address: &str) -> Result<Channel, Fault> {
    let mut endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|error| unusable_address(address, error))?;

    if endpoint.uri().scheme_str() == Some("https") {
        endpoint = endpoint
            .tls_config(ClientTlsConfig::new().with_native_roots())
            .map_err(|error| unusable_address(address, error))?;
    }

    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_lazy())
}

fn unusable_address(address: &str, error: impl fmt::Display) -> Fault {
    Fault::internal(format!("address `{address}`: {error}"))
}

/// Makes requests that are signed by this service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServiceCall(Arc<ServiceSigner>);

impl ServiceCall {
    pub fn new(signer: ServiceSigner) -> Self {
        Self(Arc::new(signer))
    }

    /// A unary request, on behalf of the caller's user if there is one. Its deadline is the current
    /// call's, less 100 ms for our own response; without a current call it is 5 s.
    ///
    /// # Errors
    /// `DEADLINE_EXCEEDED` when no time is left, `INTERNAL` when no token can be signed.
    pub fn request<T>(
        &self,
        message: T,
        on_behalf_of: Option<&Caller>,
    ) -> Result<Request<T>, Fault> {
        let mut request = self.signed(message)?;

        let timeout = remaining_deadline()
            .map_or(DEFAULT_CALL_TIMEOUT, |remaining| remaining.saturating_sub(RESPONSE_RESERVE));
        if timeout.is_zero() {
            return Err(Fault::new(
                Reason::DeadlineExceeded,
                "The call's time ran out. Give it a longer deadline.",
            ));
        }
        request.set_timeout(timeout);

        if let Some(token) = on_behalf_of.and_then(Caller::user_token) {
            let value =
                token.parse().map_err(|_| Fault::internal("a verified token is not ASCII"))?;
            request.metadata_mut().insert(ON_BEHALF_OF, value);
        }

        Ok(request)
    }

    /// A request without a deadline, in the name of this service alone.
    ///
    /// # Errors
    /// `INTERNAL` when no token can be signed.
    pub fn stream<T>(&self, message: T) -> Result<Request<T>, Fault> {
        self.signed(message)
    }

    fn signed<T>(&self, message: T) -> Result<Request<T>, Fault> {
        let token = self.0.token().map_err(Fault::internal)?;
        let authorization: MetadataValue<_> = format!("Bearer {token}")
            .parse()
            .map_err(|_| Fault::internal("a signed token is not ASCII"))?;

        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", authorization);
        slipway_telemetry::inject_traceparent(request.metadata_mut());

        Ok(request)
    }
}

/// The response message of a call to `service`.
///
/// # Errors
/// The other service's fault; `unreachable` when the service could not be reached.
pub fn into_result<T>(
    result: Result<Response<T>, Status>,
    unreachable: Reason,
    service: &str,
) -> Result<T, Fault> {
    let status = match result {
        Ok(response) => return Ok(response.into_inner()),
        Err(status) => status,
    };

    // Only our own services send a reason. Without one, the status is the transport's.
    let is_unreachable = match status.code() {
        Code::Cancelled => true,
        Code::Unavailable | Code::Unknown => sent_reason(&status).is_none(),
        _ => false,
    };
    if !is_unreachable {
        return Err(status.into());
    }

    let message = format!("The {service} service did not answer. Try again.");
    Err(Fault::new(unreachable, message).cause(status))
}

//! Calling another service: who I am, for whom, in which trace, and how much time is left.

use std::{sync::Arc, time::Duration};

use slipway_fault::{Fault, Reason};
use slipway_identity::{Caller, ON_BEHALF_OF, ServiceSigner};
use tonic::{
    Request, Status,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::call_layer::remaining;

/// Kept back so that the caller hears our answer instead of its own timeout.
const MARGIN: Duration = Duration::from_millis(100);
const DEFAULT: Duration = Duration::from_secs(5);

/// A channel that connects when it is used, and again when it broke.
pub fn channel(address: &str) -> Result<Channel, Fault> {
    let unusable =
        |error: &dyn std::fmt::Display| Fault::internal(format!("address `{address}`: {error}"));
    let mut endpoint =
        Endpoint::from_shared(address.to_owned()).map_err(|error| unusable(&error))?;
    if endpoint.uri().scheme_str() == Some("https") {
        endpoint = endpoint
            .tls_config(ClientTlsConfig::new().with_native_roots())
            .map_err(|error| unusable(&error))?;
    }
    Ok(endpoint
        .connect_timeout(Duration::from_secs(2))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .connect_lazy())
}

/// Makes requests in this service's name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outgoing(Arc<ServiceSigner>);

impl Outgoing {
    /// Signs with the service's key.
    pub fn new(signer: ServiceSigner) -> Self {
        Self(Arc::new(signer))
    }

    /// A unary request, on behalf of the caller's user where there is one.
    pub fn request<T>(
        &self,
        message: T,
        on_behalf_of: Option<&Caller>,
    ) -> Result<Request<T>, Fault> {
        let mut request = self.stream(message)?;
        let left = remaining().map_or(DEFAULT, |left| left.saturating_sub(MARGIN));
        if left.is_zero() {
            return Err(Fault::new(
                Reason::DeadlineExceeded,
                "the call's time ran out; give it a longer deadline",
            ));
        }
        request.set_timeout(left);
        if let Some(token) = on_behalf_of.and_then(Caller::user_token) {
            let value =
                token.parse().map_err(|_| Fault::internal("a verified token is not ASCII"))?;
            request.metadata_mut().insert(ON_BEHALF_OF, value);
        }
        Ok(request)
    }

    /// A request without a deadline.
    pub fn stream<T>(&self, message: T) -> Result<Request<T>, Fault> {
        let token = self.0.token().map_err(Fault::internal)?;
        let mut request = Request::new(message);
        let value = format!("Bearer {token}")
            .parse()
            .map_err(|_| Fault::internal("a signed token is not ASCII"))?;
        request.metadata_mut().insert("authorization", value);
        slipway_telemetry::inject(request.metadata_mut());
        Ok(request)
    }
}

/// The answer of a call, or why there is none: `unreachable` where the service itself could not be asked.
pub fn answer<T>(
    result: Result<tonic::Response<T>, Status>,
    unreachable: Reason,
    service: &str,
) -> Result<T, Fault> {
    result.map(tonic::Response::into_inner).map_err(|status| {
        let is_ours = Fault::from(status.clone());
        match (status.code(), is_ours.reason()) {
            (tonic::Code::Unavailable | tonic::Code::Unknown, Reason::PermissionUnavailable)
            | (tonic::Code::Cancelled, _) => Fault::new(
                unreachable,
                format!(
                    "the {service} service cannot be reached, and nothing was changed; try again"
                ),
            )
            .cause(status),
            _ => is_ours,
        }
    })
}

//! Calls over gRPC: channels, requests with a caller, and the details of refusals.

use slipway_identity::Caller;
use tonic::{Request, Status, metadata::AsciiMetadataValue, transport::Channel};
use tonic_types::StatusExt as _;

/// A channel that connects at its first call.
///
/// # Panics
/// If the address is no URL.
pub fn channel(address: &str) -> Channel {
    Channel::from_shared(address.to_owned()).expect("an address").connect_lazy()
}

/// A request with a bearer token.
///
/// # Panics
/// If the token is not ASCII.
pub fn with_token<T>(token: &str, message: T) -> Request<T> {
    let header = AsciiMetadataValue::try_from(format!("Bearer {token}")).expect("an ASCII token");
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", header);

    request
}

/// A request as the identity layer passes it on after it has verified the caller.
pub fn with_caller<T>(caller: Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller);

    request
}

/// `ErrorInfo.reason` of a refusal; the whole status if it has none.
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    match details.error_info() {
        Some(info) => info.reason.clone(),
        None => format!("{status:?}"),
    }
}

/// The fields that a refusal names, in its field violations and precondition violations.
pub fn violated_fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let mut fields = Vec::new();
    if let Some(bad_request) = details.bad_request() {
        fields.extend(bad_request.field_violations.iter().map(|violation| violation.field.clone()));
    }
    if let Some(failure) = details.precondition_failure() {
        fields.extend(failure.violations.iter().map(|violation| violation.subject.clone()));
    }

    fields
}

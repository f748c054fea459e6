//! Responses to requests with a `request_id`, in the change that they belong to.

use serde::{Serialize, de::DeserializeOwned};
use slipway_database::idempotency::{RequestKey, StoreOutcome, request_in_progress};
use slipway_fault::Fault;

use crate::store::change::Change;

/// The response to an earlier call with this key.
///
/// # Errors
/// `REQUEST_ID_REUSED` when that call was another request.
pub(super) async fn find_response<T: DeserializeOwned>(
    change: &Change<'_>,
    key: Option<&RequestKey>,
) -> Result<Option<T>, Fault> {
    change.find_response(key).await?.into_response()
}

/// # Errors
/// `CONFLICT` when another call with this key has stored its response.
pub(super) async fn store_response(
    change: &Change<'_>,
    key: Option<&RequestKey>,
    response: &impl Serialize,
) -> Result<(), Fault> {
    match change.store_response(key, response).await? {
        StoreOutcome::Stored => Ok(()),
        StoreOutcome::InFlight => Err(request_in_progress()),
    }
}

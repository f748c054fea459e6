//! `request_id`: a repeated create has one effect and one response, for 24 hours.

use std::time::Duration;

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    Set, TryInsertResult,
};
use serde::{Serialize, de::DeserializeOwned};
use slipway_fault::{Fault, Reason};
use slipway_names::{
    id::{RequestId, UserId},
    unit::Micros,
};

use crate::{Database, StoreError, entities::idempotency};

const RESPONSE_TTL: Duration = Duration::from_secs(24 * 3_600);

/// A request that can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    pub caller: UserId,
    /// The id that the caller chose for the request.
    pub request_id: RequestId,
    /// Hash of the whole request; a repeat with another body has another hash.
    pub hash: String,
}

/// The outcome of [`find_response`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierCall<T> {
    /// There was no call with this key in the last 24 hours.
    None,
    /// The response to the same request.
    Response(T),
    /// The call was another request.
    OtherRequest,
}

impl<T> EarlierCall<T> {
    /// The response to the same request, if there was one.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` after another request.
    pub fn into_response(self) -> Result<Option<T>, Fault> {
        match self {
            Self::None => Ok(None),
            Self::Response(response) => Ok(Some(response)),
            Self::OtherRequest => Err(request_id_reused()),
        }
    }
}

/// The outcome of [`store_response`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum StoreOutcome {
    Stored,
    /// A concurrent call with this key was first: its response is stored or about to be, so this
    /// call rolls back. See [`request_in_progress`].
    InFlight,
}

/// Turns a conflict into `in_flight` if the call has a key: the other transaction may be the same
/// request.
///
/// # Errors
/// Every other error, and a conflict of a call without a key.
pub fn conflict_as_in_flight<T>(
    outcome: Result<T, StoreError>,
    key: Option<&RequestKey>,
    in_flight: T,
) -> Result<T, StoreError> {
    match outcome {
        Err(StoreError::Conflict(_)) if key.is_some() => Ok(in_flight),
        outcome => outcome,
    }
}

/// Finds an earlier call with this key. `T` is the type of the response that was stored; another
/// type is a defect.
pub async fn find_response<T: DeserializeOwned>(
    database: &Database,
    connection: &impl ConnectionTrait,
    key: &RequestKey,
) -> Result<EarlierCall<T>, StoreError> {
    let oldest = database.now(connection).await? - RESPONSE_TTL;

    let row = idempotency::Entity::find_by_id((key.caller, key.request_id))
        .filter(idempotency::COLUMN.time.gt(oldest))
        .one(connection)
        .await?;

    let Some(row) = row else { return Ok(EarlierCall::None) };
    if row.hash != key.hash {
        return Ok(EarlierCall::OtherRequest);
    }
    serde_json::from_str(&row.response).map(EarlierCall::Response).map_err(StoreError::defect)
}

/// Stores the response in the transaction of its effect, as JSON. Deletes expired responses.
pub async fn store_response(
    database: &Database,
    transaction: &DatabaseTransaction,
    key: &RequestKey,
    response: &impl Serialize,
) -> Result<StoreOutcome, StoreError> {
    let now = database.now(transaction).await?;
    delete_expired_responses(transaction, now).await?;

    let row = idempotency::ActiveModel {
        caller: Set(key.caller),
        request_id: Set(key.request_id),
        hash: Set(key.hash.clone()),
        response: Set(to_json(response)?),
        time: Set(now),
    };
    let inserted = idempotency::Entity::insert(row)
        .on_conflict_do_nothing_on([idempotency::Column::Caller, idempotency::Column::RequestId])
        .exec(transaction)
        .await?;

    match inserted {
        TryInsertResult::Inserted(_) => Ok(StoreOutcome::Stored),
        TryInsertResult::Conflicted | TryInsertResult::Empty => Ok(StoreOutcome::InFlight),
    }
}

/// Deletes the stored response of a create that is rolled back, so that its key can be used again.
/// It is found by its value: `response` must be an id that no other call returns.
pub async fn delete_response(
    transaction: &DatabaseTransaction,
    response: &impl Serialize,
) -> Result<(), StoreError> {
    idempotency::Entity::delete_many()
        .filter(idempotency::COLUMN.response.eq(to_json(response)?))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn delete_expired_responses(
    transaction: &DatabaseTransaction,
    now: Micros,
) -> Result<(), StoreError> {
    idempotency::Entity::delete_many()
        .filter(idempotency::COLUMN.time.lte(now - RESPONSE_TTL))
        .exec(transaction)
        .await?;
    Ok(())
}

fn to_json(response: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(response).map_err(StoreError::defect)
}

fn request_id_reused() -> Fault {
    Fault::new(
        Reason::RequestIdReused,
        "This request_id was used for another request in the last 24 hours. Use a new one.",
    )
    .violation("request_id", "was used for another request")
}

/// `CONFLICT`: the fault of a call whose response could not be stored.
pub fn request_in_progress() -> Fault {
    Fault::new(
        Reason::Conflict,
        "Another call with this request_id is in progress. Try again in a moment.",
    )
}

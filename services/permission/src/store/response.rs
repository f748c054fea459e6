//! Stored responses of requests with a `request_id`.

use serde::{Serialize, de::DeserializeOwned};
use slipway_database::{
    StoreError,
    idempotency::{self, EarlierCall, RequestKey, StoreOutcome},
};

use crate::store::change::Change;

impl Change<'_> {
    /// The stored response to an earlier request with this key.
    pub async fn find_response<T: DeserializeOwned>(
        &self,
        key: Option<&RequestKey>,
    ) -> Result<EarlierCall<T>, StoreError> {
        match key {
            Some(key) => idempotency::find_response(self.database(), self.transaction(), key).await,
            None => Ok(EarlierCall::None),
        }
    }

    /// Stores the response in the transaction of the change.
    pub async fn store_response(
        &self,
        key: Option<&RequestKey>,
        response: &impl Serialize,
    ) -> Result<StoreOutcome, StoreError> {
        match key {
            Some(key) => {
                idempotency::store_response(self.database(), self.transaction(), key, response)
                    .await
            }
            None => Ok(StoreOutcome::Stored),
        }
    }
}

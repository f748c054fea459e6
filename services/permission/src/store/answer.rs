//! Answers to requests that came with a `request_id`.

use slipway_fault::Fault;
use slipway_outbox::idempotency::{self, Key};

use crate::store::Change;

impl Change<'_> {
    /// The first answer to this request, if it was answered. Changes are serialized, so no other call can be about to.
    pub async fn answered(&self, key: Option<&Key>) -> Result<Option<String>, Fault> {
        match key {
            Some(key) => idempotency::find(self.database(), self.transaction(), key).await,
            None => Ok(None),
        }
    }

    /// Keeps the answer with its effect.
    pub async fn keep_answer(&self, key: Option<&Key>, answer: &str) -> Result<(), Fault> {
        match key {
            Some(key) => idempotency::keep(self.database(), self.transaction(), key, answer).await,
            None => Ok(()),
        }
    }
}

//! Writes a message in the transaction of the change that it describes.

use sea_orm::{DatabaseTransaction, EntityTrait as _, Set, raw_sql};
use serde_json::Value;
use slipway_database::{StoreError, column::JsonText, raw_rows};
use slipway_names::unit::{Micros, Sequence};
use uuid::Uuid;

use crate::entities::{outbox, outbox_sequence};

/// A message before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// `<service>.<noun>.<event>`
    pub event_type: String,
    /// The id of the object that the message is about.
    pub subject: String,
    /// The time of the change.
    pub time: Micros,
    /// proto3 JSON.
    pub data: Value,
}

/// Writes the message; it is sent if and only if the transaction commits.
///
/// Returns its number among the messages of the subject. Another transaction that writes a message
/// of the same subject waits until this one has ended, so the numbers have no gaps.
pub async fn append(
    transaction: &DatabaseTransaction,
    message: NewMessage,
) -> Result<Sequence, StoreError> {
    let sequence = next_sequence(transaction, &message.subject).await?;

    let row = outbox::ActiveModel {
        id: Set(Uuid::now_v7()),
        event_type: Set(message.event_type),
        subject: Set(message.subject),
        sequence: Set(sequence),
        time: Set(message.time),
        traceparent: Set(slipway_telemetry::current_traceparent()),
        data: Set(JsonText(message.data)),
        position: Set(None),
    };
    outbox::Entity::insert(row).exec_without_returning(transaction).await?;

    Ok(sequence)
}

/// Takes the next number of the subject. The counter's row stays locked until the transaction ends.
async fn next_sequence(
    transaction: &DatabaseTransaction,
    subject: &str,
) -> Result<Sequence, StoreError> {
    let increment = raw_sql!(
        Postgres,
        r#"
        insert into outbox_sequence (subject, last) values ({subject}, 1)
        on conflict (subject) do update set last = outbox_sequence.last + 1
        returning COLUMNS
        "#
    );

    let row = raw_rows::<outbox_sequence::Entity>(transaction, increment).one(transaction).await?;
    row.map(|row| row.last).ok_or_else(|| StoreError::defect("the counter returned no row"))
}

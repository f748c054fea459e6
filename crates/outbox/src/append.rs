//! Writing a message in the transaction of the change it tells of.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement};
use serde_json::Value;
use slipway_fault::Fault;
use uuid::Uuid;

/// A message to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `<service>.<noun>.<event>`
    pub kind: String,
    /// Id of what it is about.
    pub subject: String,
    /// The subject's next number, from the subject's own row.
    pub sequence: i64,
    /// When it happened, in microseconds since the Unix epoch.
    pub time: i64,
    /// proto3 JSON.
    pub data: Value,
}

/// Adds the message; it is sent if and only if the transaction commits.
pub async fn append(transaction: &DatabaseTransaction, event: Event) -> Result<(), Fault> {
    let sql = "insert into outbox (id, kind, subject, sequence, time, traceparent, data) values ($1, $2, $3, $4, $5, $6, $7)";
    let values = [
        Uuid::now_v7().into(),
        event.kind.into(),
        event.subject.into(),
        event.sequence.into(),
        event.time.into(),
        slipway_telemetry::current().into(),
        event.data.to_string().into(),
    ];
    transaction
        .execute_raw(Statement::from_sql_and_values(
            transaction.get_database_backend(),
            sql,
            values,
        ))
        .await?;
    Ok(())
}

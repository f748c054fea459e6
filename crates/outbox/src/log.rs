//! The retained log: published messages by position.

use sea_orm::{ConnectionTrait as _, QueryResult};
use serde_json::Value;
use slipway_broker::Envelope;
use slipway_database::{Database, from_micros};
use slipway_fault::Fault;

/// A published message and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// 1, 2, 3 … in this service's log.
    pub position: i64,
    /// The message.
    pub envelope: Envelope,
}

/// At most `limit` entries behind `position`, in order.
pub async fn after(
    database: &Database,
    source: &str,
    position: i64,
    limit: u64,
) -> Result<Vec<Entry>, Fault> {
    let sql = "select * from outbox where position > $1 order by position limit $2";
    let rows = database
        .reader()
        .query_all_raw(
            database
                .statement(sql, [position.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()]),
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Entry { position: row.try_get("", "position")?, envelope: envelope(row, source)? })
        })
        .collect()
}

/// Where the log ends now.
pub async fn last_position(database: &Database) -> Result<i64, Fault> {
    let row = database
        .reader()
        .query_one_raw(database.statement("select last from outbox_position", []))
        .await?;
    Ok(row.map(|row| row.try_get("", "last")).transpose()?.unwrap_or_default())
}

pub(crate) fn envelope(row: &QueryResult, source: &str) -> Result<Envelope, Fault> {
    let data: String = row.try_get("", "data")?;
    Ok(Envelope {
        id: row.try_get("", "id")?,
        kind: row.try_get("", "kind")?,
        source: source.to_owned(),
        subject: row.try_get("", "subject")?,
        time: from_micros(row.try_get("", "time")?),
        sequence: row.try_get("", "sequence")?,
        traceparent: row.try_get("", "traceparent")?,
        data: serde_json::from_str(&data).unwrap_or(Value::Null),
    })
}

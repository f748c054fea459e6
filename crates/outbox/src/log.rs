//! The retained log: published messages in the order of their positions.

use sea_orm::{ConnectionTrait, EntityTrait as _, raw_sql};
use slipway_broker::Envelope;
use slipway_database::{Database, StoreError, raw_rows};

use crate::entities::{outbox, outbox_position};

/// A published message.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// 1, 2, 3 … in this service's log.
    pub position: i64,
    pub envelope: Envelope,
}

/// At most `limit` entries after `position`, in order. `source` is the service's name.
///
/// # Errors
/// [`StoreError`].
pub async fn entries_after(
    database: &Database,
    source: &str,
    position: i64,
    limit: u64,
) -> Result<Vec<Entry>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let published = raw_sql!(
        Postgres,
        r#"
        select COLUMNS from outbox
        where position > {position}
        order by position
        limit {limit}
        "#
    );

    let reader = database.reader();
    let rows = raw_rows::<outbox::Entity>(reader, published).all(reader).await?;
    Ok(rows.into_iter().filter_map(|row| entry(row, source)).collect())
}

/// The position of the newest entry; 0 for an empty log.
///
/// # Errors
/// [`StoreError`].
pub async fn last_position(connection: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let row = outbox_position::Entity::find().one(connection).await?;
    row.map(|row| row.last).ok_or_else(|| StoreError::defect("outbox_position has no row"))
}

fn entry(row: outbox::Model, source: &str) -> Option<Entry> {
    Some(Entry { position: row.position?, envelope: envelope(row, source) })
}

pub(crate) fn envelope(row: outbox::Model, source: &str) -> Envelope {
    Envelope {
        id: row.id,
        kind: row.kind,
        source: source.to_owned(),
        subject: row.subject,
        time: row.time.into(),
        sequence: row.sequence.get(),
        traceparent: row.traceparent,
        data: row.data.0,
    }
}

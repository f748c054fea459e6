//! The retained log: published messages in the order of their positions.

use sea_orm::{ConnectionTrait, EntityTrait as _, raw_sql};
use slipway_broker::Envelope;
use slipway_database::{Database, StoreError, raw_rows};
use slipway_names::unit::LogPosition;

use crate::entities::{outbox, outbox_position};

/// A published message.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub position: LogPosition,
    pub envelope: Envelope,
}

/// At most `limit` entries after `position`, in order. `source` is the service's name.
pub async fn entries_after(
    database: &Database,
    source: &str,
    position: LogPosition,
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

/// The position of the newest entry; zero for an empty log.
pub async fn last_position(connection: &impl ConnectionTrait) -> Result<LogPosition, StoreError> {
    let row = outbox_position::Entity::find().one(connection).await?;
    row.map(|row| row.last).ok_or_else(|| StoreError::defect("outbox_position has no row"))
}

fn entry(row: outbox::Model, source: &str) -> Option<Entry> {
    Some(Entry { position: row.position?, envelope: envelope(row, source) })
}

pub(crate) fn envelope(row: outbox::Model, source: &str) -> Envelope {
    Envelope {
        id: row.id,
        event_type: row.event_type,
        source: source.to_owned(),
        subject: row.subject,
        time: row.time.into(),
        sequence: row.sequence,
        traceparent: row.traceparent,
        data: row.data.0,
    }
}

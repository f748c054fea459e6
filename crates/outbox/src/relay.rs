//! Publishes outbox rows: one relay per database, in order per subject, many subjects at once.

use std::{error::Error as _, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, Set, raw_sql,
};
use slipway_broker::{Broker, Envelope};
use slipway_database::{Database, StoreError, lease, raw_rows};
use slipway_names::unit::LogPosition;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    entities::{outbox, outbox_position},
    log::{envelope, last_position},
};

/// The most messages that are published at once, each of a different subject.
const MAX_UNCONFIRMED: u16 = 100;
const POLL_INTERVAL: Duration = Duration::from_millis(250);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);
/// The lease that elects the relay of a database.
const LEASE: &str = "outbox-relay";

/// Wakes the relay of this process before its next poll.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// To be called after rows were committed.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// The relay of one database.
pub struct Relay {
    database: Database,
    broker: Arc<dyn Broker>,
    source: &'static str,
    wake: Wake,
    holder: Uuid,
}

/// The result of one round.
#[derive(PartialEq)]
enum Progress {
    /// At least one message was published.
    Published,
    /// No message is waiting, or another relay holds the lease.
    Idle,
    /// Messages are waiting, but none could be published.
    Stuck,
}

impl Relay {
    /// `source` is the service's name.
    pub fn new(
        database: Database,
        broker: Arc<dyn Broker>,
        source: &'static str,
        wake: Wake,
    ) -> Self {
        Self { database, broker, source, wake, holder: Uuid::now_v7() }
    }

    /// Runs until `stop`; after a failure it waits and continues.
    pub async fn run(self, stop: CancellationToken) {
        let mut delay = POLL_INTERVAL;

        while !stop.is_cancelled() {
            let progress = tokio::select! {
                () = stop.cancelled() => return,
                progress = self.publish_waiting() => progress,
            };

            let progress = progress.unwrap_or_else(|failure| {
                log_failed_round(&failure);
                Progress::Stuck
            });
            match progress {
                Progress::Published => {
                    delay = POLL_INTERVAL;
                    continue;
                }
                Progress::Idle => delay = POLL_INTERVAL,
                Progress::Stuck => delay = (delay * 2).min(MAX_RETRY_DELAY),
            }

            // A new message does not wake a relay that is stuck.
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.0.notified(), if progress == Progress::Idle => {}
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    async fn publish_waiting(&self) -> Result<Progress, StoreError> {
        if !lease::try_hold(&self.database, LEASE, self.holder).await? {
            return Ok(Progress::Idle);
        }

        let waiting = self.next_of_each_subject().await?;
        if waiting.is_empty() {
            return Ok(Progress::Idle);
        }

        let publishing: Vec<_> =
            waiting.into_iter().map(|envelope| publish(self.broker.clone(), envelope)).collect();
        let confirmed: Vec<Uuid> = stream::iter(publishing)
            .buffered(usize::from(MAX_UNCONFIRMED))
            .filter_map(std::future::ready)
            .collect()
            .await;
        if confirmed.is_empty() {
            return Ok(Progress::Stuck);
        }

        self.mark_published(&confirmed).await?;
        Ok(Progress::Published)
    }

    /// The oldest waiting message of each subject, in the order of their ids.
    async fn next_of_each_subject(&self) -> Result<Vec<Envelope>, StoreError> {
        let limit = i64::from(MAX_UNCONFIRMED);
        let oldest_waiting = raw_sql!(
            Postgres,
            r#"
            select COLUMNS from outbox
            where position is null and not exists (
                select 1 from outbox earlier
                where earlier.subject = outbox.subject
                    and earlier.position is null
                    and earlier.sequence < outbox.sequence)
            order by id
            limit {limit}
            "#
        );

        let writer = self.database.writer();
        let rows = raw_rows::<outbox::Entity>(writer, oldest_waiting).all(writer).await?;
        Ok(rows.into_iter().map(|row| envelope(row, self.source)).collect())
    }

    /// Gives each message its position. A relay that lost the lease changes nothing: two relays
    /// must not number the same log.
    async fn mark_published(&self, confirmed: &[Uuid]) -> Result<(), StoreError> {
        let transaction = self.database.begin().await?;
        if !lease::hold(&self.database, &transaction, LEASE, self.holder).await? {
            return Ok(());
        }

        let mut last = last_position(&transaction).await?;
        for id in confirmed {
            if give_position(&transaction, *id, last.next()).await? {
                last = last.next();
            }
        }
        set_last_position(&transaction, last).await?;

        transaction.commit().await?;
        Ok(())
    }
}

/// Returns `false` when the message already has a position.
async fn give_position(
    transaction: &DatabaseTransaction,
    id: Uuid,
    position: LogPosition,
) -> Result<bool, StoreError> {
    let updated = outbox::Entity::update_many()
        .set(outbox::ActiveModel { position: Set(Some(position)), ..Default::default() })
        .filter(outbox::COLUMN.id.eq(id))
        .filter(outbox::Column::Position.is_null())
        .exec(transaction)
        .await?;

    Ok(updated.rows_affected == 1)
}

async fn set_last_position(
    transaction: &DatabaseTransaction,
    last: LogPosition,
) -> Result<(), StoreError> {
    outbox_position::Entity::update_many()
        .set(outbox_position::ActiveModel { last: Set(last), ..Default::default() })
        .exec(transaction)
        .await?;
    Ok(())
}

/// The message's id when it was confirmed, else `None`.
async fn publish(broker: Arc<dyn Broker>, envelope: Envelope) -> Option<Uuid> {
    if let Err(error) = broker.publish(&envelope).await {
        tracing::warn!(
            message.r#type = envelope.event_type,
            message.subject = envelope.subject,
            %error,
            "publish failed; the message stays in the outbox"
        );
        return None;
    }
    Some(envelope.id)
}

fn log_failed_round(failure: &StoreError) {
    tracing::warn!(
        error = %failure,
        cause = ?failure.source(),
        "the outbox relay failed; retrying"
    );
}

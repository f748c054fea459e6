//! From rows to the broker: by lease, in order per subject, many subjects at once.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use sea_orm::ConnectionTrait as _;
use slipway_broker::{Broker, Envelope};
use slipway_database::Database;
use slipway_fault::Fault;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{lease, log::envelope};

/// Unconfirmed messages at once; each of another subject.
const WINDOW: i64 = 100;
const POLL: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const LEASE: &str = "outbox-relay";

/// Tells the relay that rows wait, so that it need not poll for them.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Rows were committed.
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

    /// Until `stop`; every fault is waited out.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = POLL;
        while !stop.is_cancelled() {
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.publish_waiting() => round,
            };
            pause = match round {
                Ok(Progress::Published) => continue,
                Ok(Progress::Idle) => POLL,
                Ok(Progress::Stuck) => (pause * 2).min(LONGEST_PAUSE),
                Err(fault) => {
                    tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "outbox relay failed; trying again");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.0.notified(), if pause == POLL => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn publish_waiting(&self) -> Result<Progress, Fault> {
        let transaction = self.database.begin().await?;
        let held = lease::hold(&self.database, &transaction, LEASE, self.holder).await?;
        transaction.commit().await?;
        if !held {
            return Ok(Progress::Idle);
        }
        let waiting = self.heads().await?;
        if waiting.is_empty() {
            return Ok(Progress::Idle);
        }
        let publishing: Vec<_> =
            waiting.into_iter().map(|envelope| publish(self.broker.clone(), envelope)).collect();
        let confirmed: Vec<Uuid> = stream::iter(publishing)
            .buffered(usize::try_from(WINDOW).unwrap_or(1))
            .filter_map(std::future::ready)
            .collect()
            .await;
        if confirmed.is_empty() {
            return Ok(Progress::Stuck);
        }
        self.mark(&confirmed).await?;
        Ok(Progress::Published)
    }

    /// The oldest waiting message of each subject.
    async fn heads(&self) -> Result<Vec<Envelope>, Fault> {
        let sql = "select * from outbox o where position is null and not exists (
                select 1 from outbox earlier where earlier.subject = o.subject and earlier.position is null and earlier.sequence < o.sequence)
            order by id limit $1";
        let rows = self
            .database
            .writer()
            .query_all_raw(self.database.statement(sql, [WINDOW.into()]))
            .await?;
        let mut envelopes =
            rows.iter().map(|row| envelope(row, self.source)).collect::<Result<Vec<_>, Fault>>()?;
        envelopes.sort_by(|left, right| {
            (left.subject.as_str(), left.sequence).cmp(&(right.subject.as_str(), right.sequence))
        });
        let mut subjects = HashSet::new();
        envelopes.retain(|envelope| subjects.insert(envelope.subject.clone()));
        envelopes.sort_by_key(|envelope| envelope.id);
        Ok(envelopes)
    }

    /// Guarded by the lease: a relay that lost it must not give out positions.
    async fn mark(&self, confirmed: &[Uuid]) -> Result<(), Fault> {
        let transaction = self.database.begin().await?;
        if !lease::hold(&self.database, &transaction, LEASE, self.holder).await? {
            return Ok(());
        }
        for id in confirmed {
            let sql = "update outbox set position = (select last + 1 from outbox_position) where id = $1 and position is null";
            if transaction
                .execute_raw(self.database.statement(sql, [(*id).into()]))
                .await?
                .rows_affected()
                > 0
            {
                transaction
                    .execute_raw(
                        self.database.statement("update outbox_position set last = last + 1", []),
                    )
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// The message's id once it is confirmed.
async fn publish(broker: Arc<dyn Broker>, envelope: Envelope) -> Option<Uuid> {
    match broker.publish(&envelope).await {
        Ok(()) => Some(envelope.id),
        Err(error) => {
            tracing::warn!(message.r#type = envelope.kind, message.subject = envelope.subject, %error, "publish failed; it stays in the outbox");
            None
        }
    }
}

enum Progress {
    Published,
    Idle,
    Stuck,
}

//! What a worker asks of the store, and which leases and waits are over.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::ConnectionTrait as _;
use slipway_fault::Fault;
use slipway_names::id::BuildId;
use uuid::Uuid;

use crate::{
    app::queue::{Queue, Verdict},
    domain::{
        arrow::{Arrow, Guard},
        build::Build,
        state::{Refused, State},
    },
    outbound,
    store::{Store, build::build},
};

/// How long a silent worker keeps a build.
pub const LEASE: Duration = Duration::from_secs(60);
/// Any number, the same for all claims.
const LOCK: i64 = 0x51_1b_0b;

#[async_trait]
impl Queue for Store {
    /// The oldest that may begin and whose image has none running. Claims are serialized.
    async fn claim(&self, worker: Uuid) -> Result<Option<Build>, Fault> {
        let transaction = self.database.begin().await?;
        self.database.serialize(&transaction, LOCK).await?;
        let now = self.database.now(&transaction).await?;
        let sql = "update build set state = 'preparing', attempt = attempt + 1, charged = charged + 1, step = 'resolve', sequence = sequence + 1, worker = $1, lease_until = $2, start_time = $3,
                failure_reason = null, failure_step = null, failure_message = null
            where state = 'queued' and id = (
                select b.id from build b where b.state = 'queued' and b.not_before <= $3 and not exists (
                    select 1 from build r where r.image_id = b.image_id and r.state in ('preparing', 'building', 'pushing', 'cancelling'))
                order by b.queue_time, b.id limit 1)
            returning *";
        let until = now + micros(LEASE);
        let rows = transaction
            .query_all_raw(self.database.statement(sql, [worker.into(), until.into(), now.into()]))
            .await?;
        let Some(row) = rows.first() else {
            transaction.commit().await?;
            return Ok(None);
        };
        let build = build(row)?;
        outbound::append_state_changed(&transaction, &build, now).await?;
        transaction.commit().await?;
        self.wake.wake();
        Ok(Some(build))
    }

    async fn heartbeat(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault> {
        let now = self.database.now(self.database.writer()).await?;
        let sql = "update build set lease_until = $1 where id = $2 and attempt = $3 and state in ('preparing', 'building', 'pushing', 'cancelling') returning state";
        let row = self
            .database
            .writer()
            .query_one_raw(
                self.database
                    .statement(sql, [(now + micros(LEASE)).into(), id.0.into(), attempt.into()]),
            )
            .await?;
        verdict(row)
    }

    async fn verdict(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault> {
        let sql = "select state from build where id = $1 and attempt = $2 and state in ('preparing', 'building', 'pushing', 'cancelling')";
        verdict(
            self.database
                .reader()
                .query_one_raw(self.database.statement(sql, [id.0.into(), attempt.into()]))
                .await?,
        )
    }

    async fn advance(
        &self,
        id: BuildId,
        attempt: i32,
        arrow: &Arrow,
    ) -> Result<Result<Build, Refused>, Fault> {
        self.arrow(id, Guard::Attempt(attempt), arrow).await
    }
}

impl Store {
    /// Builds whose worker was not heard of, by database time.
    pub async fn expired_leases(&self) -> Result<Vec<(BuildId, i32)>, Fault> {
        let now = self.database.now(self.database.reader()).await?;
        self.ids("select id, attempt from build where lease_until < $1 and state in ('preparing', 'building', 'pushing', 'cancelling')", now).await
    }

    /// Builds that have waited since before the age.
    pub async fn waiting_longer_than(&self, age: Duration) -> Result<Vec<(BuildId, i32)>, Fault> {
        let now = self.database.now(self.database.reader()).await?;
        self.ids(
            "select id, attempt from build where queue_time < $1 and state = 'queued'",
            now - micros(age),
        )
        .await
    }

    async fn ids(&self, sql: &str, bound: i64) -> Result<Vec<(BuildId, i32)>, Fault> {
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(sql, [bound.into()]))
            .await?;
        rows.iter()
            .map(|row| Ok((BuildId(row.try_get("", "id")?), row.try_get("", "attempt")?)))
            .collect()
    }
}

fn verdict(row: Option<sea_orm::QueryResult>) -> Result<Verdict, Fault> {
    let Some(row) = row else { return Ok(Verdict::Fenced) };
    let state: String = row.try_get("", "state")?;
    Ok(if state == State::Cancelling.as_str() { Verdict::Cancel } else { Verdict::Continue })
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

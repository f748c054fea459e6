//! What a worker asks of the store: claim, heartbeat, and whether to go on.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;
use slipway_fault::Fault;
use slipway_names::id::BuildId;
use uuid::Uuid;

use crate::{
    domain::{build::Build, state::State},
    outbound,
    store::{Store, build::build},
};

/// How long a silent worker keeps a build.
pub const LEASE: Duration = Duration::from_secs(60);
/// Any number, the same for all claims.
const LOCK: i64 = 0x51_1b_0b;

/// What a worker got.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The build, PREPARING, with its new attempt number.
    pub build: Build,
}

/// Whether a worker may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// A cancel was asked for.
    Cancel,
    /// The attempt is somebody else's, or over.
    Fenced,
}

impl Store {
    /// The oldest waiting build whose image has none running. Claims are serialized.
    pub async fn claim(&self, worker: Uuid) -> Result<Option<Claim>, Fault> {
        let transaction = self.database.begin().await?;
        self.database.serialize(&transaction, LOCK).await?;
        let now = self.database.now(&transaction).await?;
        let sql = "update build set state = 'preparing', attempt = attempt + 1, charged = charged + 1, step = 'resolve', sequence = sequence + 1, worker = $1, lease_until = $2, start_time = $3,
                failure_reason = null, failure_step = null, failure_message = null
            where state = 'queued' and id = (
                select b.id from build b where b.state = 'queued' and not exists (
                    select 1 from build r where r.image_id = b.image_id and r.state in ('preparing', 'building', 'pushing', 'cancelling'))
                order by b.create_time, b.id limit 1)
            returning *";
        let until = now + micros(LEASE);
        let rows = transaction.query_all_raw(self.database.statement(sql, [worker.into(), until.into(), now.into()])).await?;
        let Some(row) = rows.first() else {
            transaction.commit().await?;
            return Ok(None);
        };
        let build = build(row)?;
        outbound::append_state_changed(&transaction, &build, now).await?;
        transaction.commit().await?;
        self.wake.wake();
        Ok(Some(Claim { build }))
    }

    /// Renews the lease of an attempt; the answer carries a cancel that was asked for.
    pub async fn heartbeat(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault> {
        let now = self.database.now(self.database.writer()).await?;
        let sql = "update build set lease_until = $1 where id = $2 and attempt = $3 and state in ('preparing', 'building', 'pushing', 'cancelling') returning state";
        let row =
            self.database.writer().query_one_raw(self.database.statement(sql, [(now + micros(LEASE)).into(), id.0.into(), attempt.into()])).await?;
        verdict(row)
    }

    /// The heartbeat's answer without the heartbeat: a cancel must not wait for one.
    pub async fn verdict(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault> {
        let sql = "select state from build where id = $1 and attempt = $2 and state in ('preparing', 'building', 'pushing', 'cancelling')";
        verdict(self.database.reader().query_one_raw(self.database.statement(sql, [id.0.into(), attempt.into()])).await?)
    }

    /// Builds whose worker was not heard of, by database time.
    pub async fn expired_leases(&self) -> Result<Vec<(BuildId, i32)>, Fault> {
        let now = self.database.now(self.database.reader()).await?;
        self.ids("select id, attempt from build where lease_until < $1 and state in ('preparing', 'building', 'pushing', 'cancelling')", now).await
    }

    /// Builds that have waited since before the age.
    pub async fn waiting_longer_than(&self, age: Duration) -> Result<Vec<(BuildId, i32)>, Fault> {
        let now = self.database.now(self.database.reader()).await?;
        self.ids("select id, attempt from build where create_time < $1 and state = 'queued'", now - micros(age)).await
    }

    /// Attempts that this worker holds.
    pub async fn held_by(&self, worker: Uuid) -> Result<Vec<(BuildId, i32)>, Fault> {
        let sql = "select id, attempt from build where worker = $1 and state in ('preparing', 'building', 'pushing', 'cancelling')";
        let rows = self.database.reader().query_all_raw(self.database.statement(sql, [worker.into()])).await?;
        rows.iter().map(|row| Ok((BuildId(row.try_get("", "id")?), row.try_get("", "attempt")?))).collect()
    }

    async fn ids(&self, sql: &str, bound: i64) -> Result<Vec<(BuildId, i32)>, Fault> {
        let rows = self.database.reader().query_all_raw(self.database.statement(sql, [bound.into()])).await?;
        rows.iter().map(|row| Ok((BuildId(row.try_get("", "id")?), row.try_get("", "attempt")?))).collect()
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

//! The queue: which waiting build a worker gets.

use std::time::Duration;

use sea_orm::{DatabaseTransaction, raw_sql};
use slipway_database::{StoreError, column::Text, raw_rows};
use slipway_names::{id::WorkerId, unit::Micros};
use tokio::time::timeout;

use crate::{
    domain::{
        build::{Build, State},
        transition::Transition,
    },
    store::{Store, append_change, entities::builds, transition::write_transition},
};

/// Key of the advisory lock of claims: the same in all replicas, and different from the other locks
/// of the builder's database.
const CLAIM_LOCK: i64 = 0x51_1b_0b;

/// The longest wait between two claims: other processes also queue and end builds, and a delayed
/// retry becomes due.
const CLAIM_INTERVAL: Duration = Duration::from_millis(250);

impl Store {
    /// Waits until this process has changed a build, at most 250 ms.
    pub async fn wait_for_change(&self) {
        let _ = timeout(CLAIM_INTERVAL, self.changed.notified()).await;
    }

    /// Takes the oldest build that may start and whose image has no other running build.
    pub async fn claim(&self, worker: WorkerId) -> Result<Option<Build>, StoreError> {
        let transaction = self.database.begin().await?;
        self.database.take_advisory_lock(&transaction, CLAIM_LOCK).await?;
        let now = self.database.now(&transaction).await?;

        let Some(waiting) = next_waiting(&transaction, now).await? else {
            return Ok(None);
        };
        let claim = Transition::Claim(worker);
        let claimed = claim.apply(&waiting, now).map_err(StoreError::defect)?;
        let claimed = append_change(&transaction, claimed, now).await?;

        // A user can cancel the build after it was read. The worker soon claims again.
        if !write_transition(&transaction, &waiting, &claimed, &claim, now).await? {
            return Ok(None);
        }
        self.commit(transaction).await?;
        Ok(Some(claimed))
    }
}

/// The oldest build that may start and whose image has no running build.
async fn next_waiting(
    transaction: &DatabaseTransaction,
    now: Micros,
) -> Result<Option<Build>, StoreError> {
    let running = State::RUNNING.map(Text);

    // 'queued' is a literal, not a parameter, so that every plan can use the partial index.
    let oldest_startable = raw_sql!(
        Postgres,
        r#"
        select COLUMNS
        from builds waiting
        where waiting.state = 'queued' and waiting.not_before <= {now} and not exists (
            select 1
            from builds other
            where other.image_id = waiting.image_id and other.state in ({..running}))
        order by waiting.queue_time, waiting.id
        limit 1
        "#
    );

    let row = raw_rows::<builds::Entity>(transaction, oldest_startable).one(transaction).await?;
    Ok(row.map(Into::into))
}

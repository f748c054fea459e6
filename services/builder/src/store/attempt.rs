//! Running attempts: leases, steps, and builds that exceeded a time limit.

use std::time::Duration;

use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QuerySelect as _, Set, sea_query::Expr,
};
use slipway_database::{StoreError, column::Text};
use slipway_names::id::BuildId;

use crate::{
    domain::{
        attempt::{ATTEMPT_LEASE_TTL, AttemptNumber},
        build::{Build, State},
        step::Step,
    },
    store::{
        Store, append_change,
        entities::builds,
        transition::{MAX_TRIES, changed_by_others, write_guarded},
    },
    worker::ports::AttemptStatus,
};

impl Store {
    /// Renews the lease of an attempt, and reads its status.
    pub async fn heartbeat(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, StoreError> {
        let writer = self.database.writer();
        let now = self.database.now(writer).await?;

        let renewed = builds::Entity::update_many()
            .set(builds::ActiveModel {
                lease_until: Set(Some(now + ATTEMPT_LEASE_TTL)),
                ..Default::default()
            })
            .filter(is_held_by(id, attempt))
            .exec_with_returning(writer)
            .await?;

        Ok(status_of(renewed.first().map(|row| row.state)))
    }

    /// Reads the status of an attempt without renewing its lease.
    pub async fn attempt_status(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, StoreError> {
        let state = builds::Entity::find()
            .select_only()
            .column(builds::Column::State)
            .filter(is_held_by(id, attempt))
            .into_tuple()
            .one(self.database.reader())
            .await?;

        Ok(status_of(state))
    }

    /// Records the step that an attempt is in. Returns `false` if the attempt no longer holds the
    /// build or the step is already recorded.
    pub async fn record_step(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        step: Step,
    ) -> Result<bool, StoreError> {
        for _ in 0..MAX_TRIES {
            if let Some(is_recorded) = self.try_record_step(id, attempt, step).await? {
                return Ok(is_recorded);
            }
        }

        Err(changed_by_others(id))
    }

    /// `None` if another writer changed the row after it was read.
    async fn try_record_step(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        step: Step,
    ) -> Result<Option<bool>, StoreError> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;

        let row = builds::Entity::find()
            .filter(is_held_by(id, attempt))
            .filter(builds::COLUMN.state.ne(Text(State::Cancelling)))
            .filter(builds::COLUMN.step.ne(Text(step)))
            .one(&transaction)
            .await?;
        let Some(before) = row.map(Build::from) else {
            return Ok(Some(false));
        };

        let after = Build { step: Some(step), ..before.clone() };
        let after = append_change(&transaction, after, now).await?;
        let row = builds::ActiveModel {
            step: Set(after.step.map(Text)),
            sequence: Set(after.sequence),
            ..Default::default()
        };
        if !write_guarded(&transaction, &before, row).await? {
            return Ok(None);
        }

        self.commit(transaction).await?;
        Ok(Some(true))
    }

    /// The builds and attempts whose lease has expired, by the database's clock.
    pub async fn expired_leases(&self) -> Result<Vec<(BuildId, AttemptNumber)>, StoreError> {
        let now = self.database.now(self.database.reader()).await?;
        let is_expired = Condition::all().add(is_running()).add(builds::COLUMN.lease_until.lt(now));

        self.select_attempts(is_expired).await
    }

    /// The builds that have been queued for longer than `age`, by the database's clock, and their
    /// last attempts.
    pub async fn waiting_longer_than(
        &self,
        age: Duration,
    ) -> Result<Vec<(BuildId, AttemptNumber)>, StoreError> {
        let now = self.database.now(self.database.reader()).await?;

        // A literal, not a parameter, so that every plan can use the partial index.
        let queued = Expr::Constant(Text(State::Queued).into());
        let is_overdue = Condition::all()
            .add(builds::Column::State.into_expr().eq(queued))
            .add(builds::COLUMN.queue_time.lt(now - age));

        self.select_attempts(is_overdue).await
    }

    async fn select_attempts(
        &self,
        condition: Condition,
    ) -> Result<Vec<(BuildId, AttemptNumber)>, StoreError> {
        let attempts: Vec<(BuildId, i32)> = builds::Entity::find()
            .select_only()
            .columns([builds::Column::Id, builds::Column::Attempt])
            .filter(condition)
            .into_tuple()
            .all(self.database.reader())
            .await?;

        Ok(attempts.into_iter().map(|(id, attempt)| (id, AttemptNumber(attempt))).collect())
    }
}

/// True for the build while this is its running attempt, even if its lease has expired: only
/// the reconciler ends it then.
pub(super) fn is_held_by(id: BuildId, attempt: AttemptNumber) -> Condition {
    Condition::all()
        .add(builds::COLUMN.id.eq(id))
        .add(builds::COLUMN.attempt.eq(attempt.0))
        .add(is_running())
}

fn is_running() -> Expr {
    builds::COLUMN.state.is_in(State::RUNNING.map(Text))
}

/// The status that the state of a running attempt means. Without a row, the attempt has ended.
fn status_of(state: Option<Text<State>>) -> AttemptStatus {
    match state {
        None => AttemptStatus::Fenced,
        Some(Text(State::Cancelling)) => AttemptStatus::CancelRequested,
        Some(_) => AttemptStatus::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_of_running_builds_lists_the_running_states() {
        let words = State::RUNNING.map(|state| format!("'{state}'")).join(", ");

        assert!(include_str!("schema.sql").contains(&format!("where state in ({words})")));
    }
}

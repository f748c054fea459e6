//! Writes of transitions: read the row, decide in the domain, update the row only if it still is
//! the one that the decision was based on.

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, DbErr, EntityTrait as _, QueryFilter as _, Set,
};
use slipway_database::{StoreError, column::Text};
use slipway_names::{id::BuildId, unit::Micros};

use crate::{
    domain::{
        attempt::ATTEMPT_LEASE_TTL,
        build::{Build, State},
        transition::{Guard, Refused, Transition},
    },
    store::{Store, append_change, entities::builds},
};

/// Most tries of one change while other writers keep changing the row.
pub(super) const MAX_TRIES: usize = 5;

/// Why [`Store::advance`] did not write the transition.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Applies a transition to a build, and returns the build after it. A transition that does not
    /// change the state, such as a second cancel, writes nothing.
    pub async fn advance(
        &self,
        id: BuildId,
        guard: Guard,
        transition: &Transition,
    ) -> Result<Build, AdvanceError> {
        for _ in 0..MAX_TRIES {
            if let Some(build) = self.try_advance(id, guard, transition).await? {
                return Ok(build);
            }
        }

        Err(changed_by_others(id).into())
    }

    /// `None` if another writer changed the row after it was read.
    async fn try_advance(
        &self,
        id: BuildId,
        guard: Guard,
        transition: &Transition,
    ) -> Result<Option<Build>, AdvanceError> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;

        let row = builds::Entity::find_by_id(id).one(&transaction).await;
        let row = row.map_err(StoreError::from)?.ok_or(Refused::NoBuild)?;
        let lease_until = row.lease_until;
        let before = Build::from(row);

        let after = decide(&before, lease_until, guard, transition, now)?;
        if after.state == before.state {
            return Ok(Some(before));
        }

        let after = append_change(&transaction, after, now).await?;
        if !write_transition(&transaction, &before, &after, transition, now).await? {
            return Ok(None);
        }
        self.commit(transaction).await?;
        Ok(Some(after))
    }
}

/// [`StoreError::Conflict`] after [`MAX_TRIES`].
pub(super) fn changed_by_others(id: BuildId) -> StoreError {
    let message = format!("build {id} was changed by others during {MAX_TRIES} tries");
    StoreError::Conflict(DbErr::Custom(message))
}

/// The build after the transition, if guard, state table and lease allow it.
fn decide(
    before: &Build,
    lease_until: Option<Micros>,
    guard: Guard,
    transition: &Transition,
    now: Micros,
) -> Result<Build, Refused> {
    if let Guard::Attempt(attempt) = guard
        && attempt != before.attempt
    {
        return Err(Refused::OtherAttempt { current: before.attempt });
    }
    let after = transition.apply(before, now)?;

    // A worker can renew its lease after the reconciler has found it expired.
    let is_lease_valid = lease_until.is_some_and(|lease_until| lease_until >= now);
    if matches!(transition, Transition::LeaseLost { .. }) && is_lease_valid {
        return Err(Refused::LeaseRenewed);
    }

    Ok(after)
}

/// Writes `after` if the row is still the one that `before` was read from.
///
/// Returns `false` if the attempt, the state or the sequence has changed since.
pub(super) async fn write_transition(
    transaction: &DatabaseTransaction,
    before: &Build,
    after: &Build,
    transition: &Transition,
    now: Micros,
) -> Result<bool, StoreError> {
    let mut row = builds::ActiveModel::progress_of(after);

    if let Transition::Claim(worker) = transition {
        row.worker = Set(Some(*worker));
        row.lease_until = Set(Some(now + ATTEMPT_LEASE_TTL));
    }
    if !after.state.is_running() {
        row.worker = Set(None);
        row.lease_until = Set(None);
    }
    if after.state == State::Queued {
        row.queue_time = Set(now);
        row.not_before = Set(now + transition.retry_delay(after.counted_attempts));
    }

    write_guarded(transaction, before, row).await
}

/// Writes the columns if attempt, state and sequence are still those of `before`.
pub(super) async fn write_guarded(
    transaction: &DatabaseTransaction,
    before: &Build,
    row: builds::ActiveModel,
) -> Result<bool, StoreError> {
    let written = builds::Entity::update_many()
        .set(row)
        .filter(builds::COLUMN.id.eq(before.request.id))
        .filter(builds::COLUMN.attempt.eq(before.attempt.0))
        .filter(builds::COLUMN.state.eq(Text(before.state)))
        .filter(builds::COLUMN.sequence.eq(before.sequence))
        .exec(transaction)
        .await?;
    Ok(written.rows_affected == 1)
}

//! One arrow of the state table: read, decide by the domain, write guarded by everything the decision saw.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction};
use slipway_fault::{Fault, Reason};
use slipway_names::id::BuildId;

use crate::{
    domain::{
        arrow::{Arrow, Guard, pause_before_retry},
        build::Build,
        state::{Event, Refused, State, next},
    },
    outbound,
    store::{Store, build::build},
};

/// Tries before giving up on a row that others keep changing.
const TRIES: usize = 5;

impl Store {
    /// Moves the build along one arrow. `Ok(Err(_))` when the table has none: somebody else was first.
    pub async fn arrow(
        &self,
        id: BuildId,
        guard: Guard,
        arrow: &Arrow,
    ) -> Result<Result<Build, Refused>, Fault> {
        for _ in 0..TRIES {
            let transaction = self.database.begin().await?;
            let rows = transaction
                .query_all_raw(
                    self.database.statement("select * from build where id = $1", [id.0.into()]),
                )
                .await?;
            let before = rows.first().map(build).transpose()?.ok_or_else(|| {
                Fault::new(Reason::BuildNotFound, format!("there is no build {id}"))
            })?;
            let refused = Refused { state: before.state, event: arrow.event };
            if let Guard::Attempt(attempt) = guard
                && attempt != before.attempt
            {
                return Ok(Err(refused));
            }
            let Ok(state) =
                next(before.state, arrow.event, before.charged - i32::from(arrow.refunded))
            else {
                return Ok(Err(refused));
            };
            if state == before.state {
                return Ok(Ok(before));
            }
            let now = self.database.now(&transaction).await?;
            // Renewed since the reconciler looked.
            if arrow.event == Event::LeaseLost
                && rows[0]
                    .try_get::<Option<i64>>("", "lease_until")?
                    .is_some_and(|until| until >= now)
            {
                return Ok(Err(refused));
            }
            let after = arrow.apply(before.clone(), state, now);
            if self.write(&transaction, &before, &after, now).await? {
                outbound::append_state_changed(&transaction, &after, now).await?;
                transaction.commit().await?;
                self.wake.wake();
                return Ok(Ok(after));
            }
        }
        Err(Fault::new(Reason::Conflict, "the build keeps changing; try again"))
    }

    /// The step that an attempt is in now; refused like every write of an old attempt.
    pub async fn set_step(&self, id: BuildId, attempt: i32, step: &str) -> Result<bool, Fault> {
        let transaction = self.database.begin().await?;
        let sql = "update build set step = $1, sequence = sequence + 1 where id = $2 and attempt = $3 and step <> $1 and state in ('preparing', 'building', 'pushing')";
        let updated = transaction
            .execute_raw(self.database.statement(sql, [step.into(), id.0.into(), attempt.into()]))
            .await?
            .rows_affected()
            > 0;
        if updated {
            let now = self.database.now(&transaction).await?;
            let rows = transaction
                .query_all_raw(
                    self.database.statement("select * from build where id = $1", [id.0.into()]),
                )
                .await?;
            if let Some(row) = rows.first() {
                outbound::append_state_changed(&transaction, &build(row)?, now).await?;
            }
        }
        transaction.commit().await?;
        self.wake.wake();
        Ok(updated)
    }

    async fn write(
        &self,
        transaction: &DatabaseTransaction,
        before: &Build,
        after: &Build,
        now: i64,
    ) -> Result<bool, Fault> {
        let sql = "update build set state = $1, step = $2, failure_reason = $3, failure_step = $4, failure_message = $5, base_digest = $6, containerfile = $7,
                reference = $8, digest = $9, platform = $10, size_bytes = $11, end_time = $12, sequence = $13, charged = $19, queue_time = case when $20 then $21 else queue_time end, not_before = $22,
                worker = case when $14 then worker else null end, lease_until = case when $14 then lease_until else null end
            where id = $15 and attempt = $16 and state = $17 and sequence = $18";
        let (is_requeued, is_refunded) =
            (after.state == State::Queued, after.charged < before.charged);
        let failure = after.failure.as_ref();
        let pushed = after.pushed.as_ref();
        let values = [
            after.state.as_str().into(),
            after.step.clone().into(),
            failure.map(|failure| failure.reason.as_str()).into(),
            failure.map(|failure| failure.step.clone()).into(),
            failure.map(|failure| failure.message.clone()).into(),
            after.base_digest.clone().into(),
            after.containerfile.clone().into(),
            pushed.map(|pushed| pushed.reference.clone()).into(),
            pushed.map(|pushed| pushed.digest.clone()).into(),
            pushed.map(|pushed| pushed.platform.clone()).into(),
            pushed.map(|pushed| pushed.size_bytes).into(),
            after.end_time.into(),
            after.sequence.into(),
            after.state.is_running().into(),
            before.request.id.0.into(),
            before.attempt.into(),
            before.state.as_str().into(),
            before.sequence.into(),
            after.charged.into(),
            is_requeued.into(),
            now.into(),
            if is_requeued && !is_refunded { now + pause_before_retry(after.charged) } else { 0 }
                .into(),
        ];
        Ok(transaction.execute_raw(self.database.statement(sql, values)).await?.rows_affected()
            == 1)
    }
}

//! What the builder tells: older numbers change nothing, and an end settles the revision and its image.

use sea_orm::ConnectionTrait as _;
use slipway_fault::{Fault, Reason};
use slipway_names::id::BuildId;

use crate::{
    domain::{
        build::{BuildProgress, Outcome},
        image::{Image, revision_state, settle},
        revision::{Artifact, Revision, RevisionState},
    },
    outbound,
    store::{Store, revision::revision},
};

/// One state change of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose.
    pub build: BuildId,
    /// Where it is, with its number.
    pub progress: BuildProgress,
    /// Set when it ended.
    pub outcome: Option<Outcome>,
    /// Set when it succeeded.
    pub artifact: Option<Artifact>,
}

/// What a report did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was old news.
    Ignored,
    /// The revision knows.
    Noted,
}

impl Store {
    /// Notes the report.
    pub async fn report(&self, report: &Report) -> Result<Settled, Fault> {
        let transaction = self.database.begin().await?;
        let found =
            transaction
                .query_all_raw(self.database.statement(
                    "select * from revision where build_id = $1",
                    [report.build.0.into()],
                ))
                .await?;
        let Some(found) = found.first().map(revision).transpose()? else {
            return Err(Fault::new(
                Reason::BuildNotFound,
                format!("no revision has build {}", report.build),
            ));
        };
        let image = self.locked(&transaction, found.image).await?;
        let now = self.database.now(&transaction).await?;
        let state = report.outcome.map_or(RevisionState::Building, revision_state);
        let failure = report.progress.failure.as_ref();
        let artifact = report.artifact.as_ref();
        let sql = "update revision set build_state = $1, build_step = $2, build_sequence = $3, failure_class = $4, failure_reason = $5, failure_step = $6, failure_message = $7,
                state = $8, reference = $9, digest = $10, platforms = $11, size_bytes = $12
            where build_id = $13 and build_sequence < $3 and state = 'building' returning *";
        let values = [
            report.progress.state.clone().into(),
            report.progress.step.clone().into(),
            report.progress.sequence.into(),
            failure.map(|failure| failure.class.clone()).into(),
            failure.map(|failure| failure.reason.clone()).into(),
            failure.map(|failure| failure.step.clone()).into(),
            failure.map(|failure| failure.message.clone()).into(),
            state.as_str().into(),
            artifact.map(|artifact| artifact.reference.clone()).into(),
            artifact.map(|artifact| artifact.digest.clone()).into(),
            artifact.map(|artifact| artifact.platforms.join(",")).unwrap_or_default().into(),
            artifact.map_or(0, |artifact| artifact.size_bytes).into(),
            report.build.0.into(),
        ];
        let rows = transaction.query_all_raw(self.database.statement(sql, values)).await?;
        let Some(row) = rows.first() else {
            transaction.commit().await?;
            return Ok(Settled::Ignored);
        };
        if let Some(outcome) = report.outcome {
            self.settle_image(&transaction, image, &revision(row)?, outcome, now).await?;
        }
        transaction.commit().await?;
        self.wake.wake();
        Ok(Settled::Noted)
    }

    async fn settle_image(
        &self,
        transaction: &sea_orm::DatabaseTransaction,
        image: Image,
        revision: &Revision,
        outcome: Outcome,
        now: i64,
    ) -> Result<(), Fault> {
        let (state, active) = settle(
            image.state,
            image.active_revision,
            image.latest_revision,
            revision.number,
            outcome,
        );
        let is_activated = active != image.active_revision;
        let sequence = image.sequence + if is_activated { 2 } else { 1 };
        let sql = "update image set state = $1, active_revision = $2, sequence = $3, update_time = $4 where id = $5";
        transaction
            .execute_raw(self.database.statement(
                sql,
                [
                    state.as_str().into(),
                    active.into(),
                    sequence.into(),
                    now.into(),
                    image.id.0.into(),
                ],
            ))
            .await?;
        let first = image.sequence + 1;
        let image = Image { state, active_revision: active, sequence, ..image };
        outbound::revision_changed(
            transaction,
            &image,
            revision,
            revision.state.as_str(),
            first,
            now,
        )
        .await?;
        if is_activated {
            outbound::revision_changed(transaction, &image, revision, "activated", sequence, now)
                .await?;
        }
        Ok(())
    }
}

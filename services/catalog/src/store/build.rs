//! Build updates from the builder. An older one changes nothing; the last one settles the revision
//! and its image.

use sea_orm::{ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, Set};
use slipway_database::{StoreError, column::Text};
use slipway_names::{id::BuildId, unit::Micros};

use crate::{
    domain::{
        build::{Build, BuildOutcome, BuildUpdate},
        image::Image,
        revision::{Revision, RevisionState},
    },
    store::{
        Store,
        entities::revisions,
        event::append_revision_events,
        image::{lock_image, write_revision_state},
        revision::build_result_columns,
    },
};

/// The outcome of [`Store::apply_build_update`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    Applied,
    /// The update is older than the stored state, or the revision is already settled.
    Ignored,
    /// No revision has this build.
    BuildUnknown,
}

impl Store {
    /// Stores the update. An update that ends the build settles the revision and its image.
    pub async fn apply_build_update(
        &self,
        update: &BuildUpdate,
    ) -> Result<UpdateOutcome, StoreError> {
        let transaction = self.database.begin().await?;
        let Some(revision) = find_revision(&transaction, update.build).await? else {
            return Ok(UpdateOutcome::BuildUnknown);
        };
        let Some(image) = lock_image(&transaction, revision.image).await? else {
            return Ok(UpdateOutcome::BuildUnknown);
        };
        let now = self.database.now(&transaction).await?;

        let revision = updated(revision, update);
        if !write_build_update(&transaction, update, &revision).await? {
            return Ok(UpdateOutcome::Ignored);
        }
        if update.outcome.is_some() {
            settle_image(&transaction, image, &revision, now).await?;
        }
        transaction.commit().await?;

        self.wake.wake();
        Ok(UpdateOutcome::Applied)
    }
}

async fn find_revision(
    transaction: &DatabaseTransaction,
    build: BuildId,
) -> Result<Option<Revision>, StoreError> {
    let row = revisions::Entity::find()
        .filter(revisions::COLUMN.build_id.eq(build))
        .one(transaction)
        .await?;
    Ok(row.map(Revision::from))
}

/// The revision after the update.
fn updated(revision: Revision, update: &BuildUpdate) -> Revision {
    let artifact = match &update.outcome {
        Some(BuildOutcome::Succeeded(artifact)) => Some(artifact.clone()),
        _ => None,
    };
    let build = revision.build.map(|build| Build { progress: update.progress.clone(), ..build });

    Revision {
        state: RevisionState::of_build(update.outcome.as_ref()),
        artifact,
        build,
        ..revision
    }
}

/// Writes the revision if the update is newer than the stored one and the revision is not settled.
/// Returns `false` otherwise.
async fn write_build_update(
    transaction: &DatabaseTransaction,
    update: &BuildUpdate,
    revision: &Revision,
) -> Result<bool, StoreError> {
    let row = revisions::ActiveModel {
        state: Set(Text(revision.state)),
        ..build_result_columns(revision.artifact.as_ref(), Some(&update.progress))
    };

    let written = revisions::Entity::update_many()
        .set(row)
        .filter(revisions::COLUMN.build_id.eq(update.build))
        .filter(revisions::COLUMN.build_sequence.lt(update.progress.sequence))
        .filter(revisions::COLUMN.state.eq(Text(RevisionState::Building)))
        .exec(transaction)
        .await?;
    Ok(written.rows_affected == 1)
}

async fn settle_image(
    transaction: &DatabaseTransaction,
    before: Image,
    revision: &Revision,
    now: Micros,
) -> Result<(), StoreError> {
    let active_before = before.active_revision;
    let after = Image { update_time: now, ..before.with_revision(revision.number, revision.state) };
    write_revision_state(transaction, &after).await?;

    let is_activated = after.active_revision != active_before;
    append_revision_events(transaction, &after, revision, is_activated).await
}

//! Changes of who may read an image, in two transactions around the registration with permission.

use std::time::Duration;

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, JoinType, PartialModelTrait as _,
    QueryFilter as _, QuerySelect as _, RelationDef, Set, TryInsertResult,
};
use slipway_database::{StoreError, column::JsonText};
use slipway_names::{
    id::{AccessChangeId, ImageId},
    unit::PolicyVersion,
};

use crate::{
    domain::{
        access::AccessChange,
        image::{Image, ImageEvent, ImageVersion},
    },
    store::{
        Store,
        entities::{access_changes, images},
        event::append_image_event,
        image::lock_image,
    },
};

/// The outcome of [`Store::begin_access_change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeginAccessOutcome {
    Begun,
    ImageGone,
    /// The image has another version.
    VersionMismatch,
    /// Another change has begun and is neither committed nor aborted.
    InProgress,
}

/// The outcome of [`Store::commit_access_change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitAccessOutcome {
    /// The image after the change.
    Committed(Box<Image>),
    /// The change was committed or aborted before.
    NotPending,
}

/// A change that has begun, and its image.
#[derive(Debug, FromQueryResult)]
struct PendingChange {
    #[sea_orm(nested(prefix = "change_"))]
    change: access_changes::Model,
    #[sea_orm(nested(prefix = "image_"))]
    image: images::Model,
}

impl Store {
    /// First step: stores the change as pending. No other change of the image can begin until it is
    /// committed or aborted. Without a version, any version is replaced.
    pub async fn begin_access_change(
        &self,
        image: ImageId,
        change: &AccessChange,
        version: Option<ImageVersion>,
    ) -> Result<BeginAccessOutcome, StoreError> {
        let transaction = self.database.begin().await?;
        let Some(present) = lock_image(&transaction, image).await? else {
            return Ok(BeginAccessOutcome::ImageGone);
        };
        if version.is_some_and(|version| version != present.version) {
            return Ok(BeginAccessOutcome::VersionMismatch);
        }

        let row = access_changes::ActiveModel {
            id: Set(change.id),
            image_id: Set(image),
            access: Set(JsonText(change.access.clone())),
            create_time: Set(self.database.now(&transaction).await?),
        };
        let inserted = access_changes::Entity::insert(row)
            .on_conflict_do_nothing_on([access_changes::Column::ImageId])
            .exec(&transaction)
            .await?;
        if !matches!(inserted, TryInsertResult::Inserted(_)) {
            return Ok(BeginAccessOutcome::InProgress);
        }

        transaction.commit().await?;
        Ok(BeginAccessOutcome::Begun)
    }

    /// Second step after a refusal of permission: removes the pending change.
    pub async fn abort_access_change(&self, change: AccessChangeId) -> Result<(), StoreError> {
        access_changes::Entity::delete_by_id(change).exec(self.database.writer()).await?;
        Ok(())
    }

    /// Changes that began at least `age` ago and are still pending, with their images.
    pub async fn pending_access_changes(
        &self,
        age: Duration,
    ) -> Result<Vec<(Image, AccessChange)>, StoreError> {
        let latest_start = self.database.now(self.database.reader()).await? - age;

        let query = access_changes::Entity::find()
            .join(JoinType::InnerJoin, image_of_change())
            .filter(access_changes::COLUMN.create_time.lte(latest_start))
            .select_only();
        let query = access_changes::Model::select_cols_nested(query, Some("change_"), None);
        let query = images::Model::select_cols_nested(query, Some("image_"), None);

        let rows = query.into_model::<PendingChange>().all(self.database.reader()).await?;
        Ok(rows.into_iter().map(|row| (row.image.into(), row.change.into())).collect())
    }

    /// Second step: makes the pending change effective at this policy version.
    pub async fn commit_access_change(
        &self,
        image: ImageId,
        change: &AccessChange,
        policy_version: PolicyVersion,
    ) -> Result<CommitAccessOutcome, StoreError> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;
        let Some(before) = lock_image(&transaction, image).await? else {
            return Ok(CommitAccessOutcome::NotPending);
        };

        let deleted = access_changes::Entity::delete_by_id(change.id).exec(&transaction).await?;
        if deleted.rows_affected == 0 {
            return Ok(CommitAccessOutcome::NotPending);
        }

        let after = Image {
            access: change.access.clone(),
            access_version: before.access_version.max(policy_version),
            version: before.version.next(),
            update_time: now,
            ..before
        };
        images::Entity::update_many()
            .set(access_columns(&after))
            .filter(images::COLUMN.id.eq(image))
            .exec(&transaction)
            .await?;
        append_image_event(&transaction, &after, ImageEvent::AccessChanged).await?;
        transaction.commit().await?;

        self.wake.wake();
        Ok(CommitAccessOutcome::Committed(Box::new(after)))
    }
}

impl From<access_changes::Model> for AccessChange {
    fn from(row: access_changes::Model) -> Self {
        Self { id: row.id, access: row.access.0 }
    }
}

fn image_of_change() -> RelationDef {
    access_changes::Entity::belongs_to(images::Entity)
        .from(access_changes::Column::ImageId)
        .to(images::Column::Id)
        .into()
}

fn access_columns(image: &Image) -> images::ActiveModel {
    images::ActiveModel {
        access: Set(JsonText(image.access.clone())),
        access_version: Set(image.access_version),
        version: Set(image.version.0),
        update_time: Set(image.update_time),
        ..Default::default()
    }
}

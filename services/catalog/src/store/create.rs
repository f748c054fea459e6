//! The transactions of a create: reserve, finish, abort.

use std::time::Duration;

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, FromQueryResult, JoinType,
    PartialModelTrait as _, QueryFilter as _, QuerySelect as _, TryInsertResult,
};
use slipway_database::{
    StoreError,
    column::Text,
    idempotency::{
        EarlierCall, RequestKey, StoreOutcome, delete_response, find_response, store_response,
    },
};
use slipway_names::{id::ImageId, unit::PolicyVersion};

use crate::{
    domain::{
        image::{Image, ImageEvent, ImageState, NewImage},
        revision::{Draft, Revision},
    },
    store::{
        Store,
        entities::{images, revisions},
        event::{append_image_event, append_revision_events},
        image::{LATEST, revision_of, revision_state_columns},
        revision::insert_revision,
        waiting_builds::{BuildSettings, request_build},
    },
};

/// The outcome of [`Store::reserve_image`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// The image is stored as CREATING, with its first revision.
    Reserved(Box<(Image, Revision)>),
    /// Another image has this qualified name.
    NameTaken(String),
    /// Another call has reserved the same request id.
    InFlight,
}

/// The outcome of [`Store::finish_create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishOutcome {
    Finished(Box<Image>),
    /// The image is not CREATING: it was finished or rolled back before.
    NotCreating,
    /// The image's owner has as many waiting builds as allowed. Nothing is changed.
    QueueFull,
}

/// An image that is still CREATING.
#[derive(Debug, FromQueryResult)]
struct UnfinishedCreate {
    #[sea_orm(nested(prefix = "image_"))]
    image: images::Model,
    #[sea_orm(nested(prefix = "latest_"))]
    latest: revisions::Model,
}

impl Store {
    /// The image that an earlier call with this request key has reserved.
    pub async fn find_created(&self, key: &RequestKey) -> Result<EarlierCall<ImageId>, StoreError> {
        find_response(&self.database, self.database.writer(), key).await
    }

    /// First step of a create: reserves the request id, the name and the image id. The image is
    /// CREATING and invisible.
    ///
    /// The request id is reserved first, so a retry is recognized as a retry instead of failing
    /// with `NAME_TAKEN`.
    pub async fn reserve_image(
        &self,
        image: NewImage,
        draft: Draft,
        key: Option<&RequestKey>,
    ) -> Result<ReserveOutcome, StoreError> {
        let transaction = self.database.begin().await?;

        if let Some(key) = key
            && store_response(&self.database, &transaction, key, &image.id).await?
                == StoreOutcome::InFlight
        {
            return Ok(ReserveOutcome::InFlight);
        }

        let now = self.database.now(&transaction).await?;
        let image = image.reserved_at(now);
        if !insert_image(&transaction, &image).await? {
            return Ok(ReserveOutcome::NameTaken(image.qualified_name()));
        }
        let revision = draft.into_revision(image.id, image.latest_revision, now);
        insert_revision(&transaction, &revision).await?;

        transaction.commit().await?;
        Ok(ReserveOutcome::Reserved(Box::new((image, revision))))
    }

    /// Second step of a create: makes the image visible at this policy version, and appends its
    /// events and the request of its build.
    pub async fn finish_create(
        &self,
        image: &Image,
        revision: &Revision,
        policy_version: PolicyVersion,
        settings: &BuildSettings,
    ) -> Result<FinishOutcome, StoreError> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;

        let image = Image {
            access_version: policy_version,
            update_time: now,
            ..image.clone().with_revision(revision.number, revision.state)
        };
        let written = images::Entity::update_many()
            .set(revision_state_columns(&image))
            .filter(images::COLUMN.id.eq(image.id))
            .filter(images::COLUMN.state.eq(Text(ImageState::Creating)))
            .exec(&transaction)
            .await?;
        if written.rows_affected == 0 {
            return Ok(FinishOutcome::NotCreating);
        }

        let is_activated = image.active_revision.is_some();
        append_image_event(&transaction, &image, ImageEvent::Created).await?;
        append_revision_events(&transaction, &image, revision, is_activated).await?;
        if !request_build(&self.database, &transaction, &image, revision, settings).await? {
            return Ok(FinishOutcome::QueueFull);
        }
        transaction.commit().await?;

        self.wake.wake();
        Ok(FinishOutcome::Finished(Box::new(image)))
    }

    /// Deletes an image that is still CREATING, with its revision and its request id. A finished
    /// image cannot be rolled back. Returns whether the image was deleted.
    pub async fn abort_create(&self, id: ImageId) -> Result<bool, StoreError> {
        let transaction = self.database.begin().await?;

        let deleted = images::Entity::delete_many()
            .filter(images::COLUMN.id.eq(id))
            .filter(images::COLUMN.state.eq(Text(ImageState::Creating)))
            .exec(&transaction)
            .await?;
        let is_aborted = deleted.rows_affected > 0;
        if is_aborted {
            delete_response(&transaction, &id).await?;
        }

        transaction.commit().await?;
        Ok(is_aborted)
    }

    /// Images that are still CREATING this long after their first step, with their first revisions.
    pub async fn unfinished_creates(
        &self,
        age: Duration,
    ) -> Result<Vec<(Image, Revision)>, StoreError> {
        let latest_start = self.database.now(self.database.reader()).await? - age;

        let query = images::Entity::find()
            .filter(images::COLUMN.state.eq(Text(ImageState::Creating)))
            .filter(images::COLUMN.create_time.lte(latest_start))
            .join_as(JoinType::InnerJoin, revision_of(images::Column::LatestRevision), LATEST)
            .select_only();
        let query = images::Model::select_cols_nested(query, Some("image_"), None);
        let query = revisions::Model::select_cols_nested(query, Some("latest_"), Some(LATEST));

        let rows = query.into_model::<UnfinishedCreate>().all(self.database.reader()).await?;
        Ok(rows.into_iter().map(|row| (row.image.into(), row.latest.into())).collect())
    }
}

/// Returns `false` when the qualified name is taken.
async fn insert_image(
    transaction: &DatabaseTransaction,
    image: &Image,
) -> Result<bool, StoreError> {
    let row = images::ActiveModel::from(images::Model::from(image.clone()));
    let insert = images::Entity::insert(row)
        .on_conflict_do_nothing_on([images::Column::QualifiedName])
        .exec(transaction)
        .await?;

    Ok(matches!(insert, TryInsertResult::Inserted(_)))
}

//! Rows of revisions.

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Set,
};
use slipway_database::{
    StoreError,
    column::{JsonText, Text},
    idempotency::{EarlierCall, RequestKey, StoreOutcome, find_response, store_response},
};
use slipway_names::{
    id::ImageId,
    revision::RevisionNumber,
    unit::{ByteCount, PolicyVersion},
};

use crate::{
    domain::{
        artifact::Artifact,
        build::{Build, BuildFailure, BuildProgress},
        image::Image,
        revision::{Draft, Revision},
    },
    store::{
        Store,
        entities::revisions,
        event::append_revision_events,
        image::{lock_image, write_revision_state},
        waiting_builds::{BuildSettings, request_build},
    },
};

/// The outcome of [`Store::add_revision`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddRevisionOutcome {
    /// The image after that, and the revision.
    Added(Box<(Image, Revision)>),
    /// Another call has reserved the same request id.
    InFlight,
    ImageGone,
    /// The image's owner has as many waiting builds as allowed. Nothing is changed.
    QueueFull,
}

impl From<revisions::Model> for Revision {
    fn from(row: revisions::Model) -> Self {
        let gpu_artifact = artifact_from_columns(
            row.gpu_reference.clone(),
            row.gpu_digest.clone(),
            row.gpu_platforms.clone(),
            row.gpu_size_bytes,
        );

        Self {
            image: row.image_id,
            number: row.number,
            state: row.state.0,
            artifact: artifact_from_columns(
                row.reference.clone(),
                row.digest.clone(),
                row.platforms.clone(),
                row.size_bytes,
            ),
            gpu_artifact,
            create_time: row.create_time,
            creator: row.creator,
            build: build_from_row(row),
        }
    }
}

fn artifact_from_columns(
    reference: Option<String>,
    digest: Option<String>,
    platforms: Option<JsonText<Vec<String>>>,
    size: Option<ByteCount>,
) -> Option<Artifact> {
    Some(Artifact { reference: reference?, digest: digest?, platforms: platforms?.0, size: size? })
}

fn build_from_row(row: revisions::Model) -> Option<Build> {
    let failure = row.failure_class.zip(row.failure_reason).zip(row.failure_message).map(
        |((class, reason), message)| BuildFailure {
            class: class.0,
            reason,
            step: row.failure_step.map(|step| step.0),
            message,
        },
    );

    let progress = BuildProgress {
        state: row.build_state?.0,
        step: row.build_step.map(|step| step.0),
        sequence: row.build_sequence,
        failure,
    };
    Some(Build { id: row.build_id?, spec: row.spec?.0, progress })
}

impl Store {
    /// The revision that an earlier call with this request key has added.
    pub async fn find_added(
        &self,
        key: &RequestKey,
    ) -> Result<EarlierCall<RevisionNumber>, StoreError> {
        find_response(&self.database, self.database.writer(), key).await
    }

    pub async fn revision(
        &self,
        image: ImageId,
        number: RevisionNumber,
    ) -> Result<Option<Revision>, StoreError> {
        let row =
            revisions::Entity::find_by_id((image, number)).one(self.database.reader()).await?;
        Ok(row.map(Revision::from))
    }

    /// At most `limit` revisions of the image, newest first; only those before the number `before`.
    pub async fn revisions(
        &self,
        image: ImageId,
        before: Option<RevisionNumber>,
        limit: u64,
    ) -> Result<Vec<Revision>, StoreError> {
        let rows = revisions::Entity::find()
            .filter(revisions::COLUMN.image_id.eq(image))
            .apply_if(before, |query, before| query.filter(revisions::COLUMN.number.lt(before)))
            .order_by_desc(revisions::Column::Number)
            .limit(limit)
            .all(self.database.reader())
            .await?;

        Ok(rows.into_iter().map(Revision::from).collect())
    }

    /// Adds the draft as the next revision of the image. A revision without a build is active at
    /// once.
    ///
    /// The image becomes visible to reads at `policy_version`, the version of the decision that
    /// allowed the revision.
    pub async fn add_revision(
        &self,
        image: ImageId,
        draft: Draft,
        policy_version: PolicyVersion,
        settings: &BuildSettings,
        key: Option<&RequestKey>,
    ) -> Result<AddRevisionOutcome, StoreError> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;
        let Some(before) = lock_image(&transaction, image).await? else {
            return Ok(AddRevisionOutcome::ImageGone);
        };

        let revision = draft.into_revision(image, before.latest_revision.next(), now);
        if let Some(key) = key {
            let stored =
                store_response(&self.database, &transaction, key, &revision.number).await?;
            if stored == StoreOutcome::InFlight {
                return Ok(AddRevisionOutcome::InFlight);
            }
        }
        insert_revision(&transaction, &revision).await?;

        let after = Image {
            access_version: before.access_version.max(policy_version),
            update_time: now,
            ..before.clone().with_revision(revision.number, revision.state)
        };
        write_revision_state(&transaction, &after).await?;

        let is_activated = after.active_revision != before.active_revision;
        append_revision_events(&transaction, &after, &revision, is_activated).await?;
        if !request_build(&self.database, &transaction, &after, &revision, settings).await? {
            return Ok(AddRevisionOutcome::QueueFull);
        }
        transaction.commit().await?;

        self.wake.wake();
        Ok(AddRevisionOutcome::Added(Box::new((after, revision))))
    }
}

pub(super) async fn insert_revision(
    transaction: &DatabaseTransaction,
    revision: &Revision,
) -> Result<(), StoreError> {
    let artifact = revision.artifact.as_ref();
    let gpu_artifact = revision.gpu_artifact.as_ref();
    let build = revision.build.as_ref();

    let row = revisions::ActiveModel {
        image_id: Set(revision.image),
        number: Set(revision.number),
        state: Set(Text(revision.state)),
        gpu_reference: Set(gpu_artifact.map(|artifact| artifact.reference.clone())),
        gpu_digest: Set(gpu_artifact.map(|artifact| artifact.digest.clone())),
        gpu_platforms: Set(gpu_artifact.map(|artifact| JsonText(artifact.platforms.clone()))),
        gpu_size_bytes: Set(gpu_artifact.map(|artifact| artifact.size)),
        build_id: Set(build.map(|build| build.id)),
        spec: Set(build.map(|build| JsonText(build.spec.clone()))),
        create_time: Set(revision.create_time),
        creator: Set(revision.creator),
        ..build_result_columns(artifact, build.map(|build| &build.progress))
    };
    revisions::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

/// The artifact and the progress of the build.
pub(super) fn build_result_columns(
    artifact: Option<&Artifact>,
    progress: Option<&BuildProgress>,
) -> revisions::ActiveModel {
    let failure = progress.and_then(|progress| progress.failure.as_ref());
    let step = progress.and_then(|progress| progress.step.clone());
    let failed_step = failure.and_then(|failure| failure.step.clone());

    revisions::ActiveModel {
        reference: Set(artifact.map(|artifact| artifact.reference.clone())),
        digest: Set(artifact.map(|artifact| artifact.digest.clone())),
        platforms: Set(artifact.map(|artifact| JsonText(artifact.platforms.clone()))),
        size_bytes: Set(artifact.map(|artifact| artifact.size)),
        build_state: Set(progress.map(|progress| Text(progress.state))),
        build_step: Set(step.map(Text)),
        build_sequence: Set(progress.map(|progress| progress.sequence).unwrap_or_default()),
        failure_class: Set(failure.map(|failure| Text(failure.class))),
        failure_reason: Set(failure.map(|failure| failure.reason.clone())),
        failure_step: Set(failed_step.map(Text)),
        failure_message: Set(failure.map(|failure| failure.message.clone())),
        ..Default::default()
    }
}

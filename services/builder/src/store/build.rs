//! Rows of builds.

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Set, TryInsertResult,
};
use slipway_authz::{projection::condition::Viewer, role::Role};
use slipway_database::{
    StoreError,
    column::{JsonText, Text},
};
use slipway_names::id::{BuildId, ImageId, UserId};

use crate::{
    domain::{
        attempt::AttemptNumber,
        build::{Build, Pushed, Request, ResolvedBase},
        failure::Failure,
    },
    store::{Store, append_change, entities::builds},
};

impl Store {
    /// Queues a build. A request whose build already exists changes nothing.
    pub async fn enqueue(&self, request: &Request) -> Result<(), StoreError> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;
        let traceparent = slipway_telemetry::current_traceparent();
        let build = Build::queued(request.clone(), traceparent, now);

        // Without the commit, the event of a build that already exists is rolled back.
        let build = append_change(&transaction, build, now).await?;
        if insert(&transaction, &build).await? {
            self.commit(transaction).await?;
        }
        Ok(())
    }

    /// The build, without an access check.
    pub async fn build(&self, id: BuildId) -> Result<Option<Build>, StoreError> {
        let row = builds::Entity::find_by_id(id).one(self.database.reader()).await?;

        Ok(row.map(Into::into))
    }

    /// The build, if the user has the role on its image.
    pub async fn build_visible_to(
        &self,
        id: BuildId,
        user: UserId,
        role: Role,
    ) -> Result<Option<Build>, StoreError> {
        let viewer = Viewer::new(&self.database, user);

        let row = builds::Entity::find_by_id(id)
            .filter(viewer.has_role(role, builds::Column::ImageId, builds::Column::AccessVersion))
            .one(self.database.reader())
            .await?;
        Ok(row.map(Into::into))
    }

    /// At most `limit` builds that the user may read, newest first, from the one after `after` on.
    pub async fn builds(
        &self,
        user: UserId,
        image: Option<ImageId>,
        after: Option<BuildId>,
        limit: u64,
    ) -> Result<Vec<Build>, StoreError> {
        let viewer = Viewer::new(&self.database, user);
        let is_visible =
            viewer.has_role(Role::Reader, builds::Column::ImageId, builds::Column::AccessVersion);

        let rows = builds::Entity::find()
            .filter(is_visible)
            .apply_if(image, |query, image| query.filter(builds::COLUMN.image_id.eq(image)))
            .apply_if(after, |query, after| query.filter(builds::COLUMN.id.lt(after)))
            .order_by_desc(builds::Column::Id)
            .limit(limit)
            .all(self.database.reader())
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

/// Returns `false` if the build already exists.
async fn insert(transaction: &DatabaseTransaction, build: &Build) -> Result<bool, StoreError> {
    let insert = builds::Entity::insert(builds::ActiveModel::new_row(build))
        .on_conflict_do_nothing_on([builds::Column::Id]);

    Ok(matches!(insert.exec(transaction).await?, TryInsertResult::Inserted(_)))
}

impl builds::ActiveModel {
    /// The row of a build that was never claimed.
    fn new_row(build: &Build) -> Self {
        let request = &build.request;

        Self {
            id: Set(request.id),
            image_id: Set(request.image),
            image_name: Set(request.image_name.clone()),
            revision: Set(request.revision),
            requester: Set(request.requester),
            spec: Set(JsonText(request.spec.clone())),
            repository: Set(request.repository.clone()),
            request_time: Set(request.request_time),
            access_version: Set(request.access_version),
            traceparent: Set(build.traceparent.clone()),
            create_time: Set(build.create_time),
            queue_time: Set(build.create_time),
            not_before: Set(build.create_time),
            ..Self::progress_of(build)
        }
    }

    /// The columns that transitions change, except those of the queue and the lease.
    pub(super) fn progress_of(build: &Build) -> Self {
        let failure = build.failure.as_ref();
        let base = build.base.as_ref();
        let pushed = build.pushed.as_ref();

        Self {
            state: Set(Text(build.state)),
            attempt: Set(build.attempt.0),
            counted_attempts: Set(build.counted_attempts),
            step: Set(build.step.map(Text)),
            failure_reason: Set(failure.map(|failure| Text(failure.reason))),
            failure_step: Set(failure.and_then(|failure| failure.step).map(Text)),
            failure_message: Set(failure.map(|failure| failure.message.clone())),
            base_digest: Set(base.map(|base| Text(base.digest.clone()))),
            containerfile: Set(base.map(|base| base.containerfile.clone())),
            reference: Set(pushed.map(|pushed| pushed.reference.clone())),
            digest: Set(pushed.map(|pushed| Text(pushed.digest.clone()))),
            platform: Set(pushed.map(|pushed| Text(pushed.platform.clone()))),
            size_bytes: Set(pushed.map(|pushed| pushed.size)),
            start_time: Set(build.start_time),
            end_time: Set(build.end_time),
            sequence: Set(build.sequence),
            ..Default::default()
        }
    }
}

impl From<builds::Model> for Build {
    fn from(row: builds::Model) -> Self {
        let failure = row.failure_reason.zip(row.failure_message);
        let base = row.base_digest.zip(row.containerfile);
        let pushed = row.reference.zip(row.digest).zip(row.platform.zip(row.size_bytes));

        Self {
            request: Request {
                id: row.id,
                image: row.image_id,
                image_name: row.image_name,
                revision: row.revision,
                requester: row.requester,
                spec: row.spec.0,
                repository: row.repository,
                request_time: row.request_time,
                access_version: row.access_version,
            },
            state: row.state.0,
            attempt: AttemptNumber(row.attempt),
            counted_attempts: row.counted_attempts,
            step: row.step.map(|Text(step)| step),
            failure: failure.map(|(Text(reason), message)| Failure {
                reason,
                step: row.failure_step.map(|Text(step)| step),
                message,
            }),
            base: base.map(|(Text(digest), containerfile)| ResolvedBase { digest, containerfile }),
            pushed: pushed.map(|((reference, Text(digest)), (Text(platform), size))| Pushed {
                reference,
                digest,
                platform,
                size,
            }),
            traceparent: row.traceparent,
            create_time: row.create_time,
            start_time: row.start_time,
            end_time: row.end_time,
            sequence: row.sequence,
        }
    }
}

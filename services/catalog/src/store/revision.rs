//! Rows of revisions.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult, Value};
use slipway_database::Database;
use slipway_fault::Fault;
use slipway_names::id::{BuildId, ImageId, UserId};
use slipway_outbox::idempotency::{self, Key};
use slipway_paging::Page;
use uuid::Uuid;

use crate::{
    domain::{
        build::{BuildFailure, BuildProgress, Outcome},
        image::{Image, ImageState, settle},
        revision::{Artifact, Revision, RevisionState},
    },
    outbound,
    store::{Queue, Store, image::json},
};

impl Store {
    /// One revision.
    pub async fn revision(&self, image: ImageId, number: i32) -> Result<Option<Revision>, Fault> {
        let sql = "select * from revision where image_id = $1 and number = $2";
        let row = self
            .database
            .reader()
            .query_one_raw(self.database.statement(sql, [image.0.into(), number.into()]))
            .await?;
        row.as_ref().map(revision).transpose()
    }

    /// A page, newest first.
    pub async fn revisions(&self, image: ImageId, page: &Page) -> Result<Vec<Revision>, Fault> {
        let before: i32 =
            page.after.first().and_then(|number| number.parse().ok()).unwrap_or(i32::MAX);
        let sql = "select * from revision where image_id = $1 and number < $2 order by number desc limit $3";
        let rows = self
            .database
            .reader()
            .query_all_raw(
                self.database.statement(sql, [image.0.into(), before.into(), page.limit().into()]),
            )
            .await?;
        rows.iter().map(revision).collect()
    }

    /// The revision that a build makes.
    pub async fn revision_of_build(&self, build: BuildId) -> Result<Option<Revision>, Fault> {
        let row = self
            .database
            .writer()
            .query_one_raw(
                self.database
                    .statement("select * from revision where build_id = $1", [build.0.into()]),
            )
            .await?;
        row.as_ref().map(revision).transpose()
    }

    /// The latest revisions of these images, in one statement.
    pub async fn latest_revisions(&self, images: &[ImageId]) -> Result<Vec<Revision>, Fault> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=images.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "select r.* from revision r join image i on i.id = r.image_id and i.latest_revision = r.number where i.id in ({})",
            places.join(", ")
        );
        let rows = self
            .database
            .reader()
            .query_all_raw(
                self.database.statement(sql, images.iter().map(|image| Value::from(image.0))),
            )
            .await?;
        rows.iter().map(revision).collect()
    }

    /// The next revision of an image; its number is given here. One without a build is active at once. Returns the image as it is with it.
    pub async fn add_revision(
        &self,
        image: &Image,
        draft: Revision,
        decided_at: i64,
        queue: &Queue,
        key: Option<&Key>,
    ) -> Result<(Image, Revision), Fault> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;
        let before = self.locked(&transaction, image.id).await?;
        let revision = Revision {
            image: image.id,
            number: before.latest_revision + 1,
            create_time: now,
            ..draft
        };
        if let Some(key) = key {
            idempotency::keep(&self.database, &transaction, key, &revision.number.to_string())
                .await?;
        }
        insert_revision(&self.database, &transaction, &revision).await?;
        let is_ready = revision.build.is_none();
        let (state, active) = match is_ready {
            true => settle(
                before.state,
                before.active_revision,
                revision.number,
                revision.number,
                Outcome::Succeeded,
            ),
            false if before.active_revision == 0 => (ImageState::Building, 0),
            false => (before.state, before.active_revision),
        };
        let sequence = before.sequence + if is_ready { 2 } else { 1 };
        let access_revision = before.access_revision.max(decided_at);
        let sql = "update image set state = $1, active_revision = $2, latest_revision = $3, sequence = $4, update_time = $5, access_revision = $6
            where id = $7";
        let values = [
            state.as_str().into(),
            active.into(),
            revision.number.into(),
            sequence.into(),
            now.into(),
            access_revision.into(),
            image.id.0.into(),
        ];
        transaction.execute_raw(self.database.statement(sql, values)).await?;
        let after = Image {
            state,
            active_revision: active,
            latest_revision: revision.number,
            sequence,
            access_revision,
            update_time: now,
            ..before
        };
        if is_ready {
            outbound::revision_changed(&transaction, &after, &revision, "ready", sequence - 1, now)
                .await?;
            outbound::revision_changed(&transaction, &after, &revision, "activated", sequence, now)
                .await?;
        } else {
            outbound::revision_changed(&transaction, &after, &revision, "building", sequence, now)
                .await?;
            self.require_room(&transaction, &after, queue).await?;
            outbound::build_requested(&transaction, &after, &revision, &queue.repository, now)
                .await?;
        }
        transaction.commit().await?;
        self.wake.wake();
        Ok((after, revision))
    }
}

pub(super) async fn insert_revision(
    database: &Database,
    transaction: &DatabaseTransaction,
    revision: &Revision,
) -> Result<(), Fault> {
    let sql = "insert into revision (image_id, number, state, reference, digest, platforms, size_bytes, gpu_reference, gpu_digest, gpu_platforms, gpu_size_bytes, spec, build_id,
            build_state, build_step, build_sequence, create_time, creator)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', 0, $15, $16)";
    let [reference, digest, platforms, size] = artifact_values(revision.artifact.as_ref());
    let [gpu_reference, gpu_digest, gpu_platforms, gpu_size] =
        artifact_values(revision.gpu_artifact.as_ref());
    let spec = revision.spec.as_ref().map(json).transpose()?;
    let values = [
        revision.image.0.into(),
        revision.number.into(),
        revision.state.as_str().into(),
        reference,
        digest,
        platforms,
        size,
        gpu_reference,
        gpu_digest,
        gpu_platforms,
        gpu_size,
        spec.into(),
        revision.build.map(|build| build.0).into(),
        revision.progress.state.clone().into(),
        revision.create_time.into(),
        revision.creator.0.into(),
    ];
    transaction.execute_raw(database.statement(sql, values)).await?;
    Ok(())
}

fn artifact_values(artifact: Option<&Artifact>) -> [Value; 4] {
    let platforms = artifact.map(|artifact| artifact.platforms.join(",")).unwrap_or_default();
    [
        artifact.map(|artifact| artifact.reference.clone()).into(),
        artifact.map(|artifact| artifact.digest.clone()).into(),
        platforms.into(),
        artifact.map_or(0, |artifact| artifact.size_bytes).into(),
    ]
}

pub(super) fn revision(row: &QueryResult) -> Result<Revision, Fault> {
    let text = |column: &str| -> Result<Option<String>, Fault> { Ok(row.try_get("", column)?) };
    let artifact = |prefix: &str| -> Result<Option<Artifact>, Fault> {
        let Some(reference) = text(&format!("{prefix}reference"))? else { return Ok(None) };
        let platforms = text(&format!("{prefix}platforms"))?.unwrap_or_default();
        Ok(Some(Artifact {
            reference,
            digest: text(&format!("{prefix}digest"))?.unwrap_or_default(),
            platforms: platforms
                .split(',')
                .filter(|platform| !platform.is_empty())
                .map(str::to_owned)
                .collect(),
            size_bytes: row.try_get("", &format!("{prefix}size_bytes"))?,
        }))
    };
    let state: RevisionState =
        text("state")?.unwrap_or_default().parse().map_err(Fault::internal)?;
    let build: Option<Uuid> = row.try_get("", "build_id")?;
    let failure = match text("failure_reason")? {
        None => None,
        Some(reason) => Some(BuildFailure {
            class: text("failure_class")?.unwrap_or_default(),
            reason,
            step: text("failure_step")?.unwrap_or_default(),
            message: text("failure_message")?.unwrap_or_default(),
        }),
    };
    Ok(Revision {
        image: ImageId(row.try_get("", "image_id")?),
        number: row.try_get("", "number")?,
        state,
        artifact: artifact("")?,
        gpu_artifact: artifact("gpu_")?,
        spec: text("spec")?
            .map(|spec| serde_json::from_str(&spec))
            .transpose()
            .map_err(Fault::internal)?,
        build: build.map(BuildId),
        progress: BuildProgress {
            state: text("build_state")?.unwrap_or_default(),
            step: text("build_step")?.unwrap_or_default(),
            sequence: row.try_get("", "build_sequence")?,
            failure,
        },
        create_time: row.try_get("", "create_time")?,
        creator: UserId(row.try_get("", "creator")?),
    })
}

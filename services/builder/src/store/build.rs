//! Rows of builds.

use sea_orm::{ConnectionTrait as _, QueryResult};
use slipway_access::{Reader, sees};
use slipway_fault::Fault;
use slipway_names::{
    grant::Role,
    id::{BuildId, ImageId, UserId},
};
use slipway_paging::Page;
use uuid::Uuid;

use crate::{
    domain::{
        build::{Build, Pushed, Request},
        failure::Failure,
        state::State,
    },
    outbound,
    store::Store,
};

impl Store {
    /// Queues what was asked for; the same request again changes nothing.
    pub async fn enqueue(&self, request: &Request) -> Result<(), Fault> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;
        let sql = "insert into build (id, image_id, image_name, revision, requester, spec, repository, request_time, access_revision, traceparent,
                state, attempt, charged, step, base_digest, containerfile, create_time, queue_time, not_before, sequence)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, 'queued', 0, 0, '', '', '', $10, $10, 0, 1) on conflict (id) do nothing";
        let spec = serde_json::to_string(&request.spec).map_err(Fault::internal)?;
        let values = [
            request.id.0.into(),
            request.image.0.into(),
            request.image_name.clone().into(),
            request.revision.into(),
            request.requester.0.into(),
            spec.into(),
            request.repository.clone().into(),
            request.request_time.into(),
            request.access_revision.into(),
            now.into(),
            slipway_telemetry::current().into(),
        ];
        if transaction.execute_raw(self.database.statement(sql, values)).await?.rows_affected() > 0
        {
            let rows = transaction
                .query_all_raw(
                    self.database
                        .statement("select * from build where id = $1", [request.id.0.into()]),
                )
                .await?;
            let build = rows
                .first()
                .map(build)
                .transpose()?
                .ok_or_else(|| Fault::internal("a build that was just inserted is gone"))?;
            outbound::append_state_changed(&transaction, &build, now).await?;
        }
        transaction.commit().await?;
        self.wake.wake();
        Ok(())
    }

    /// The build, whoever asks.
    pub async fn build(&self, id: BuildId) -> Result<Option<Build>, Fault> {
        let row = self
            .database
            .reader()
            .query_one_raw(
                self.database.statement("select * from build where id = $1", [id.0.into()]),
            )
            .await?;
        row.as_ref().map(build).transpose()
    }

    /// The build, if the user has the role on its image.
    pub async fn build_seen_by(
        &self,
        id: BuildId,
        user: UserId,
        role: Role,
    ) -> Result<Option<Build>, Fault> {
        let reader = Reader::now(&self.database, user).await?;
        let sql = format!(
            "select b.* from build b where b.id = $3 and {}",
            sees("b.image_id", "b.access_revision", role)
        );
        let [user, now] = reader.values();
        let row = self
            .database
            .reader()
            .query_one_raw(self.database.statement(sql, [user, now, id.0.into()]))
            .await?;
        row.as_ref().map(build).transpose()
    }

    /// A page of the builds that the user may read, newest first.
    pub async fn builds(
        &self,
        user: UserId,
        image: Option<ImageId>,
        page: &Page,
    ) -> Result<Vec<Build>, Fault> {
        let reader = Reader::now(&self.database, user).await?;
        let sql = format!(
            "select b.* from build b where b.id < $3 and ($4 or b.image_id = $5) and {} order by b.id desc limit $6",
            sees("b.image_id", "b.access_revision", Role::Reader)
        );
        let before = page
            .after
            .first()
            .and_then(|id| id.parse::<BuildId>().ok())
            .map_or(Uuid::max(), |id| id.0);
        let [user, now] = reader.values();
        let values = [
            user,
            now,
            before.into(),
            image.is_none().into(),
            image.map_or(Uuid::nil(), |image| image.0).into(),
            page.limit().into(),
        ];
        let rows =
            self.database.reader().query_all_raw(self.database.statement(sql, values)).await?;
        rows.iter().map(build).collect()
    }
}

pub(super) fn build(row: &QueryResult) -> Result<Build, Fault> {
    let state: String = row.try_get("", "state")?;
    let spec: String = row.try_get("", "spec")?;
    let failure = match row.try_get::<Option<String>>("", "failure_reason")? {
        None => None,
        Some(reason) => Some(Failure {
            reason: reason.parse().map_err(Fault::internal)?,
            step: row.try_get::<Option<String>>("", "failure_step")?.unwrap_or_default(),
            message: row.try_get::<Option<String>>("", "failure_message")?.unwrap_or_default(),
        }),
    };
    let pushed = match row.try_get::<Option<String>>("", "digest")? {
        None => None,
        Some(digest) => Some(Pushed {
            digest,
            reference: row.try_get::<Option<String>>("", "reference")?.unwrap_or_default(),
            platform: row.try_get::<Option<String>>("", "platform")?.unwrap_or_default(),
            size_bytes: row.try_get::<Option<i64>>("", "size_bytes")?.unwrap_or_default(),
        }),
    };
    let state: State = state.parse().map_err(Fault::internal)?;
    Ok(Build {
        request: Request {
            id: BuildId(row.try_get("", "id")?),
            image: ImageId(row.try_get("", "image_id")?),
            image_name: row.try_get("", "image_name")?,
            revision: row.try_get("", "revision")?,
            requester: UserId(row.try_get("", "requester")?),
            spec: serde_json::from_str(&spec).map_err(Fault::internal)?,
            repository: row.try_get("", "repository")?,
            request_time: row.try_get("", "request_time")?,
            access_revision: row.try_get("", "access_revision")?,
        },
        state,
        attempt: row.try_get("", "attempt")?,
        charged: row.try_get("", "charged")?,
        step: row.try_get("", "step")?,
        failure,
        base_digest: row.try_get("", "base_digest")?,
        containerfile: row.try_get("", "containerfile")?,
        pushed,
        traceparent: row.try_get("", "traceparent")?,
        create_time: row.try_get("", "create_time")?,
        start_time: row.try_get("", "start_time")?,
        end_time: row.try_get("", "end_time")?,
        sequence: row.try_get("", "sequence")?,
    })
}

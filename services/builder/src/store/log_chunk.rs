//! Rows of logs.

use async_trait::async_trait;
use sea_orm::ConnectionTrait as _;
use slipway_fault::Fault;
use slipway_names::id::BuildId;

use crate::{
    app::LogStore,
    domain::log::{Cursor, LogChunk},
    store::Store,
};

#[async_trait]
impl LogStore for Store {
    async fn append(&self, id: BuildId, chunk: &LogChunk) -> Result<bool, Fault> {
        let sql = "insert into log_chunk (build_id, attempt, start, step, data)
            select id, $2, $3, $4, $5 from build where id = $1 and attempt = $2 and state in ('preparing', 'building', 'pushing', 'cancelling')
            on conflict (build_id, attempt, start) do nothing";
        let values = [
            id.0.into(),
            chunk.start.attempt.into(),
            chunk.start.offset.into(),
            chunk.step.clone().into(),
            chunk.data.clone().into(),
        ];
        Ok(self
            .database
            .writer()
            .execute_raw(self.database.statement(sql, values))
            .await?
            .rows_affected()
            == 1)
    }

    async fn step(&self, id: BuildId, attempt: i32, step: &str) -> Result<(), Fault> {
        self.set_step(id, attempt, step).await.map(|_| ())
    }
}

impl Store {
    /// At most `limit` pieces from the cursor on, across attempts; the first is cut to begin at the cursor.
    pub async fn log_from(
        &self,
        id: BuildId,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Vec<LogChunk>, Fault> {
        let sql = "select attempt, start, step, data from log_chunk where build_id = $1 and (attempt > $2 or (attempt = $2 and start + length(data) > $3)) order by attempt, start limit $4";
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(
                sql,
                [id.0.into(), cursor.attempt.into(), cursor.offset.into(), limit.into()],
            ))
            .await?;
        let mut chunks = Vec::with_capacity(rows.len());
        for row in &rows {
            let start =
                Cursor { attempt: row.try_get("", "attempt")?, offset: row.try_get("", "start")? };
            let mut chunk =
                LogChunk { start, step: row.try_get("", "step")?, data: row.try_get("", "data")? };
            if start.attempt == cursor.attempt && start.offset < cursor.offset {
                chunk
                    .data
                    .drain(..usize::try_from(cursor.offset - start.offset).unwrap_or_default());
                chunk.start = cursor;
            }
            chunks.push(chunk);
        }
        Ok(chunks)
    }
}

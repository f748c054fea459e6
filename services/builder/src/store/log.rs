//! Rows of logs.

use sea_orm::{ConnectionTrait as _, raw_sql};
use slipway_database::{StoreError, column::Text, raw_rows};
use slipway_names::id::BuildId;

use crate::{
    domain::{
        attempt::AttemptNumber,
        build::State,
        log::{Cursor, LogChunk},
    },
    store::{Store, entities::log_chunks},
};

impl Store {
    /// Appends a chunk. Returns `false` for an attempt that no longer holds the build, and for a
    /// chunk that is already stored.
    pub async fn append(&self, id: BuildId, chunk: &LogChunk) -> Result<bool, StoreError> {
        let attempt = chunk.start.attempt.0;
        let start = chunk.start.offset;
        let step = Text(chunk.step);
        let data = chunk.data.clone();
        let running = State::RUNNING.map(Text);

        let mut insert = raw_sql!(
            Postgres,
            r#"
            insert into log_chunks (build_id, attempt, start, step, data)
            select id, attempt, {start}, {step}, {data}
            from builds
            where id = {id} and attempt = {attempt} and state in ({..running})
            on conflict (build_id, attempt, start) do nothing
            "#
        );
        let writer = self.database.writer();
        insert.db_backend = writer.get_database_backend();

        let written = writer.execute_raw(insert).await?;
        Ok(written.rows_affected() == 1)
    }

    /// At most `limit` chunks from the cursor on, across attempts. The first chunk begins exactly
    /// at the cursor.
    pub async fn log_from(
        &self,
        id: BuildId,
        cursor: Cursor,
        limit: u64,
    ) -> Result<Vec<LogChunk>, StoreError> {
        let attempt = cursor.attempt.0;
        let offset = cursor.offset;
        let following = raw_sql!(
            Postgres,
            r#"
            select COLUMNS
            from log_chunks
            where build_id = {id}
                and (attempt > {attempt}
                    or (attempt = {attempt} and start + length(data) > {offset}))
            order by attempt, start
            limit {limit}
            "#
        );

        let reader = self.database.reader();
        let rows = raw_rows::<log_chunks::Entity>(reader, following).all(reader).await?;
        Ok(rows.into_iter().map(|row| LogChunk::from(row).from_cursor(cursor)).collect())
    }
}

impl From<log_chunks::Model> for LogChunk {
    fn from(row: log_chunks::Model) -> Self {
        Self {
            start: Cursor { attempt: AttemptNumber(row.attempt), offset: row.start },
            step: row.step.0,
            data: row.data,
        }
    }
}

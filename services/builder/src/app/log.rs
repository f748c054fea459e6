//! Logs for users.

use std::time::{Duration, Instant};

use slipway_authz::role::Role;
use slipway_fault::Fault;
use slipway_identity::Caller;
use slipway_names::id::BuildId;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, stream_access::StreamAccess},
    domain::log::{Cursor, LogChunk},
};

const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Access can be revoked while a log is read.
const ACCESS_CHECK_INTERVAL: Duration = Duration::from_secs(2);
const CHUNKS_PER_READ: u64 = 16;

/// The part of a build's log that a caller reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// The position of the first byte.
    pub from: Cursor,
    /// Whether to wait for more until the build has ended.
    pub follow: bool,
}

impl App {
    /// Reads a build's log, across attempts. `stop` ends the reader when the replica shuts down.
    ///
    /// # Errors
    /// The reasons of [`App::build`] for a caller who is not a WRITER of the image.
    pub async fn read_log(
        &self,
        caller: Caller,
        id: BuildId,
        range: LogRange,
        stop: CancellationToken,
    ) -> Result<LogReader, Fault> {
        self.build(&caller, id, Role::Writer).await?;

        let access = StreamAccess { app: self.clone(), caller, id, role: Role::Writer, stop };
        Ok(LogReader { access, checked: Instant::now(), range, is_ended: false })
    }
}

/// A log that is being read.
pub struct LogReader {
    access: StreamAccess,
    /// The time of the last check of access.
    checked: Instant,
    /// The part that is not read yet.
    range: LogRange,
    is_ended: bool,
}

impl LogReader {
    /// The next chunks; `None` at the end. Waits for them when it follows a build that has not
    /// ended. Nothing follows a fault.
    ///
    /// # Errors
    /// `SHUTTING_DOWN`, `TOKEN_EXPIRED`, and the reasons of [`App::build`] when access was revoked.
    pub async fn next(&mut self) -> Option<Result<Vec<LogChunk>, Fault>> {
        while !self.is_ended {
            match self.read().await {
                Ok(chunks) if !chunks.is_empty() => return Some(Ok(chunks)),
                Ok(_) if self.is_ended => {}
                Ok(_) => tokio::time::sleep(POLL_INTERVAL).await,
                Err(fault) => {
                    self.is_ended = true;
                    return Some(Err(fault));
                }
            }
        }

        None
    }

    /// The stored chunks. Sets `is_ended` if there are none and none will follow.
    async fn read(&mut self) -> Result<Vec<LogChunk>, Fault> {
        if self.access.stop.is_cancelled() || self.checked.elapsed() > ACCESS_CHECK_INTERVAL {
            self.access.check().await?;
            self.checked = Instant::now();
        }
        let store = &self.access.app.store;
        let id = self.access.id;

        // The state is read before the log: a log that is read after the end is complete.
        let build = store.build(id).await?;
        let is_build_ended = build.is_none_or(|build| build.state.is_terminal());
        let chunks = store.log_from(id, self.range.from, CHUNKS_PER_READ).await?;

        match chunks.last() {
            Some(last) => self.range.from = last.end(),
            None => self.is_ended = is_build_ended || !self.range.follow,
        }
        Ok(chunks)
    }
}

//! Turns the output of an attempt into stored chunks: whole lines, without passwords, within the
//! size limits. Of a log that is too long, the head and the tail are kept. Memory is bounded.

use std::{collections::VecDeque, sync::Arc};

use slipway_names::{id::BuildId, unit::ByteCount};
use tokio::time::{Duration, Instant};

use crate::{
    domain::{
        attempt::AttemptNumber,
        log::{Cursor, HEAD_SIZE, LogChunk, MAX_LINE_BYTES, TAIL_BYTES, redact_url_user_info},
        step::Step,
    },
    worker::ports::{CoordinatorError, LogStore},
};

/// A chunk is stored when it has reached this size; it may exceed it by one line.
const CHUNK_BYTES: usize = 64 * 1024;

/// A line is stored after this delay at the latest.
const FLUSH_DELAY: Duration = Duration::from_millis(150);

/// Limits the retries of one write. Shorter than the lease.
const STORE_TIMEOUT: Duration = Duration::from_secs(30);

const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The lines that are kept in memory to classify a failure, and their longest length.
const LAST_LINES: usize = 30;
const LAST_LINE_BYTES: usize = 2_000;

/// The log of one attempt. Output goes from the incomplete line to the chunk (the head of the log)
/// or to the tail, and by way of `unsent` to the store.
pub struct LogSink {
    store: Arc<dyn LogStore>,
    id: BuildId,
    /// The start of the next chunk.
    position: Cursor,
    step: Step,
    /// Complete lines that are not stored yet, and when the first of them was added.
    chunk: Vec<u8>,
    chunk_began: Option<Instant>,
    /// A chunk whose write has no result yet. It is kept until then, because the future of the
    /// write may be dropped.
    unsent: Option<LogChunk>,
    /// The incomplete last line of a command.
    line: Line,
    tail: Tail,
    last_lines: VecDeque<String>,
}

/// A line, without what exceeds [`MAX_LINE_BYTES`].
#[derive(Default)]
struct Line {
    kept: Vec<u8>,
    cut_bytes: usize,
}

/// The last lines of a log that is longer than its head.
#[derive(Default)]
struct Tail {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The size of the log between head and tail.
    omitted: ByteCount,
}

impl LogSink {
    /// The log of a new attempt.
    pub fn new(store: Arc<dyn LogStore>, id: BuildId, attempt: AttemptNumber) -> Self {
        Self {
            store,
            id,
            position: Cursor { attempt, offset: ByteCount::ZERO },
            step: Step::Resolve,
            chunk: Vec::new(),
            chunk_began: None,
            unsent: None,
            line: Line::default(),
            tail: Tail::default(),
            last_lines: VecDeque::new(),
        }
    }

    /// The current step.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The last lines of the current step, to classify its failure.
    pub fn last_lines(&self) -> String {
        self.last_lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// Records the start of a step, and writes a line that marks it.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn begin_step(&mut self, step: Step) -> Result<(), CoordinatorError> {
        self.end_incomplete_line().await?;
        self.flush().await?;
        self.step = step;

        let began = Instant::now();
        while let Err(error) = self.store.record_step(self.id, self.position.attempt, step).await {
            wait_for_retry(error, began).await?;
        }

        self.last_lines.clear();
        self.write_line(format!("── {step}").as_bytes()).await
    }

    /// Writes a line of the builder's own, after ending an incomplete line of a command.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn write_line(&mut self, line: &[u8]) -> Result<(), CoordinatorError> {
        self.end_incomplete_line().await?;

        let mut own_line = Line::default();
        own_line.extend(line);
        self.add_line(own_line).await
    }

    /// Writes output of a command, which need not end with a complete line. `step_of_line` gets
    /// each complete line, and returns the step that begins with it.
    ///
    /// Steps only go forward, because a command can print the mark of any step: an earlier one is
    /// ignored, and a later one gives the rest of the log a wrong step.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn write(
        &mut self,
        mut bytes: &[u8],
        step_of_line: impl Fn(&[u8]) -> Option<Step>,
    ) -> Result<(), CoordinatorError> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.line.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];

            let line = std::mem::take(&mut self.line);
            if let Some(step) = step_of_line(&line.kept)
                && step > self.step
            {
                self.begin_step(step).await?;
            }
            self.add_line(line).await?;
        }

        self.line.extend(bytes);
        Ok(())
    }

    /// Stores the current chunk if it is older than `FLUSH_DELAY`.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn flush_if_due(&mut self) -> Result<(), CoordinatorError> {
        if self.chunk_began.is_some_and(|began| began.elapsed() >= FLUSH_DELAY) {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes a closing line, if there is one, and stores everything.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn end(&mut self, closing_line: Option<&str>) -> Result<(), CoordinatorError> {
        if let Some(closing_line) = closing_line {
            self.write_line(closing_line.as_bytes()).await?;
        }

        self.end_incomplete_line().await?;
        self.flush().await?;
        self.store_tail().await
    }

    async fn store_tail(&mut self) -> Result<(), CoordinatorError> {
        let Tail { lines, omitted, .. } = std::mem::take(&mut self.tail);

        if omitted > ByteCount::ZERO {
            let mark =
                format!("── {omitted} bytes omitted here; a log keeps its beginning and its end\n");
            self.chunk.extend_from_slice(mark.as_bytes());
        }
        for line in lines {
            self.chunk.extend_from_slice(&line);
            if self.chunk.len() >= CHUNK_BYTES {
                self.flush().await?;
            }
        }
        self.flush().await
    }

    async fn end_incomplete_line(&mut self) -> Result<(), CoordinatorError> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() { Ok(()) } else { self.add_line(line).await }
    }

    async fn add_line(&mut self, line: Line) -> Result<(), CoordinatorError> {
        let mut line = line.into_bytes();
        self.remember_line(&line);
        line.push(b'\n');

        if self.position.offset + ByteCount::of(&self.chunk) < HEAD_SIZE {
            self.chunk.extend_from_slice(&line);
            self.chunk_began.get_or_insert_with(Instant::now);
        } else {
            self.tail.push(line);
        }

        if self.chunk.len() >= CHUNK_BYTES { self.flush().await } else { self.flush_if_due().await }
    }

    fn remember_line(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(LAST_LINE_BYTES)];
        self.last_lines.push_back(String::from_utf8_lossy(line).into_owned());

        if self.last_lines.len() > LAST_LINES {
            self.last_lines.pop_front();
        }
    }

    /// Stores the current chunk. While the database is unavailable, the chunk is kept and the
    /// caller waits.
    async fn flush(&mut self) -> Result<(), CoordinatorError> {
        // A chunk whose earlier write was cancelled goes first.
        self.store_unsent().await?;
        self.chunk_began = None;

        if !self.chunk.is_empty() {
            self.unsent = Some(LogChunk {
                start: self.position,
                step: self.step,
                data: std::mem::take(&mut self.chunk),
            });
            self.store_unsent().await?;
        }
        Ok(())
    }

    async fn store_unsent(&mut self) -> Result<(), CoordinatorError> {
        let Some(chunk) = &self.unsent else { return Ok(()) };

        let began = Instant::now();
        while let Err(error) = self.store.append(self.id, chunk).await {
            wait_for_retry(error, began).await?;
        }

        self.position = chunk.end();
        self.unsent = None;
        Ok(())
    }
}

impl Line {
    fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn extend(&mut self, bytes: &[u8]) {
        let kept = MAX_LINE_BYTES.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..kept]);
        self.cut_bytes += bytes.len() - kept;
    }

    /// The line without passwords, and with a note of what was cut.
    fn into_bytes(self) -> Vec<u8> {
        let mut bytes = redact_url_user_info(&self.kept);
        if self.cut_bytes > 0 {
            bytes.extend_from_slice(format!(" … {} bytes cut", self.cut_bytes).as_bytes());
        }
        bytes
    }
}

impl Tail {
    fn push(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);

        while self.bytes > TAIL_BYTES {
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes -= line.len();
            self.omitted = self.omitted + ByteCount::of(&line);
        }
    }
}

/// Waits before the next try. Returns the error when [`STORE_TIMEOUT`] has passed since `began`.
async fn wait_for_retry(error: CoordinatorError, began: Instant) -> Result<(), CoordinatorError> {
    if began.elapsed() > STORE_TIMEOUT {
        return Err(error);
    }

    tokio::time::sleep(RETRY_DELAY).await;
    Ok(())
}

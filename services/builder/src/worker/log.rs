//! Turns the output of an attempt into stored chunks: whole lines, without passwords, within the
//! size limits. Of a log that is too long, the head and the tail are kept. Memory is bounded.

use std::{collections::VecDeque, sync::Arc};

use slipway_names::{id::BuildId, unit::ByteCount};
use tokio::time::{Duration, Instant};

use crate::{
    domain::{
        attempt::AttemptNumber,
        log::{Cursor, HEAD_SIZE, LogChunk, MAX_LINE_BYTES, TAIL_BYTES, redact},
        step::Step,
    },
    worker::ports::{LogStore, QueueError},
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

/// The log of one attempt.
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
    /// The incomplete last line, and how many of its bytes were cut.
    line: Vec<u8>,
    line_cut: usize,
    /// The last lines of a log that is longer than its head.
    tail: VecDeque<Vec<u8>>,
    tail_bytes: usize,
    /// The size of the log between head and tail.
    omitted: ByteCount,
    last_lines: VecDeque<String>,
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
            line: Vec::new(),
            line_cut: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            omitted: ByteCount::ZERO,
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
    pub async fn begin_step(&mut self, step: Step) -> Result<(), QueueError> {
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
    pub async fn write_line(&mut self, line: &[u8]) -> Result<(), QueueError> {
        self.end_incomplete_line().await?;
        self.line.extend_from_slice(line);
        self.end_line().await
    }

    /// Writes output of a command, which need not end with a complete line. `step_of_line` gets
    /// each complete line, and returns the step that begins with it. Only a later step may begin,
    /// because a step can print a forged mark of an earlier one.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn write(
        &mut self,
        mut bytes: &[u8],
        step_of_line: impl Fn(&[u8]) -> Option<Step>,
    ) -> Result<(), QueueError> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend_line(&bytes[..end]);
            bytes = &bytes[end + 1..];

            if let Some(step) = step_of_line(&self.line)
                && step > self.step
            {
                let line = std::mem::take(&mut self.line);
                self.begin_step(step).await?;
                self.line = line;
            }
            self.end_line().await?;
        }

        self.extend_line(bytes);
        Ok(())
    }

    /// Stores the current chunk if it is older than `FLUSH_DELAY`.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn flush_if_due(&mut self) -> Result<(), QueueError> {
        if self.chunk_began.is_some_and(|began| began.elapsed() >= FLUSH_DELAY) {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes a closing line, if there is one, and stores everything.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn end(&mut self, closing_line: Option<&str>) -> Result<(), QueueError> {
        if let Some(closing_line) = closing_line {
            self.write_line(closing_line.as_bytes()).await?;
        }

        self.finish().await
    }

    /// Stores everything, including the tail of a log that is too long.
    ///
    /// # Errors
    /// The error of the store, after retries.
    pub async fn finish(&mut self) -> Result<(), QueueError> {
        self.end_incomplete_line().await?;
        self.flush().await?;

        if self.omitted > ByteCount::ZERO || !self.tail.is_empty() {
            self.store_tail().await?;
        }
        Ok(())
    }

    async fn store_tail(&mut self) -> Result<(), QueueError> {
        if self.omitted > ByteCount::ZERO {
            let mark = format!(
                "── {} bytes omitted here; a log keeps its beginning and its end\n",
                self.omitted
            );
            self.chunk.extend_from_slice(mark.as_bytes());
        }

        while let Some(line) = self.tail.pop_front() {
            self.chunk.extend_from_slice(&line);
            if self.chunk.len() >= CHUNK_BYTES {
                self.flush().await?;
            }
        }
        self.flush().await
    }

    /// Adds bytes to the current line, up to its longest length.
    fn extend_line(&mut self, bytes: &[u8]) {
        let kept = MAX_LINE_BYTES.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..kept]);
        self.line_cut += bytes.len() - kept;
    }

    async fn end_incomplete_line(&mut self) -> Result<(), QueueError> {
        if self.line.is_empty() { Ok(()) } else { self.end_line().await }
    }

    async fn end_line(&mut self) -> Result<(), QueueError> {
        let mut line = redact(&self.line);
        self.line.clear();

        if self.line_cut > 0 {
            line.extend_from_slice(format!(" … {} bytes cut", self.line_cut).as_bytes());
            self.line_cut = 0;
        }
        self.remember_line(&line);
        line.push(b'\n');

        if self.position.offset + ByteCount::of(&self.chunk) < HEAD_SIZE {
            self.chunk.extend_from_slice(&line);
            self.chunk_began.get_or_insert_with(Instant::now);
        } else {
            self.add_to_tail(line);
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

    fn add_to_tail(&mut self, line: Vec<u8>) {
        self.tail_bytes += line.len();
        self.tail.push_back(line);

        while self.tail_bytes > TAIL_BYTES {
            let Some(line) = self.tail.pop_front() else { break };
            self.tail_bytes -= line.len();
            self.omitted = self.omitted + ByteCount::of(&line);
        }
    }

    /// Stores the current chunk. While the database is unavailable, the chunk is kept and the
    /// caller waits.
    async fn flush(&mut self) -> Result<(), QueueError> {
        self.send().await?;
        self.chunk_began = None;

        if !self.chunk.is_empty() {
            self.unsent = Some(LogChunk {
                start: self.position,
                step: self.step,
                data: std::mem::take(&mut self.chunk),
            });
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), QueueError> {
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

/// Waits before the next try. Returns the error when [`STORE_TIMEOUT`] has passed since `began`.
async fn wait_for_retry(error: QueueError, began: Instant) -> Result<(), QueueError> {
    if began.elapsed() > STORE_TIMEOUT {
        return Err(error);
    }

    tokio::time::sleep(RETRY_DELAY).await;
    Ok(())
}

//! From an attempt's output to stored pieces: whole lines, redacted, cut to the limits, head and tail kept. Memory stays bounded.

use std::{collections::VecDeque, sync::Arc};

use slipway_fault::Fault;
use slipway_names::id::BuildId;
use tokio::time::{Duration, Instant};

use crate::{
    app::LogStore,
    domain::log::{Cursor, HEAD_BYTES, LONGEST_LINE, LogChunk, TAIL_BYTES, redact},
};

/// Bytes of a stored piece, about.
const PIECE: usize = 64 * 1024;
/// How long a piece waits for its database; shorter than the lease.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a line waits for company.
const LATENCY: Duration = Duration::from_millis(150);

/// The log of one attempt.
pub struct LogSink {
    store: Arc<dyn LogStore>,
    id: BuildId,
    next: Cursor,
    step: String,
    piece: Vec<u8>,
    /// On its way to the store; kept until that has answered, should nobody wait for the answer any more.
    unsent: Option<LogChunk>,
    line: Vec<u8>,
    line_cut: usize,
    oldest: Option<Instant>,
    tail: VecDeque<Vec<u8>>,
    tail_bytes: usize,
    dropped: u64,
    last_lines: VecDeque<String>,
}

impl LogSink {
    /// Of an attempt that begins.
    pub fn new(store: Arc<dyn LogStore>, id: BuildId, attempt: i32) -> Self {
        Self {
            store,
            id,
            next: Cursor { attempt, offset: 0 },
            step: "resolve".to_owned(),
            piece: Vec::new(),
            unsent: None,
            line: Vec::new(),
            line_cut: 0,
            oldest: None,
            tail: VecDeque::new(),
            tail_bytes: 0,
            dropped: 0,
            last_lines: VecDeque::new(),
        }
    }

    /// The step that the next bytes belong to.
    pub fn step(&self) -> &str {
        &self.step
    }

    /// The end of the output, for telling why a step failed.
    pub fn last_lines(&self) -> String {
        self.last_lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// A new step begins, with a mark of ours.
    pub async fn begin_step(&mut self, step: &str) -> Result<(), Fault> {
        self.flush().await?;
        step.clone_into(&mut self.step);
        let began = Instant::now();
        while let Err(fault) = self.store.step(self.id, self.next.attempt, step).await {
            pause_or(fault, began).await?;
        }
        self.last_lines.clear();
        self.write_line(format!("── {step}").as_bytes()).await
    }

    /// One line of ours.
    pub async fn write_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.line.extend_from_slice(line);
        self.end_line().await
    }

    /// Output as it comes. `on_line` sees each whole line and may name the step that begins with it.
    pub async fn write(
        &mut self,
        mut bytes: &[u8],
        on_line: impl Fn(&[u8]) -> Option<&'static str>,
    ) -> Result<(), Fault> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.grow(&bytes[..end]);
            bytes = &bytes[end + 1..];
            if let Some(step) = on_line(&self.line)
                && lies_ahead(&self.step, step)
            {
                let line = std::mem::take(&mut self.line);
                self.begin_step(step).await?;
                self.line = line;
            }
            self.end_line().await?;
        }
        self.grow(bytes);
        Ok(())
    }

    /// Stores what waited long enough.
    pub async fn tick(&mut self) -> Result<(), Fault> {
        match self.oldest.is_some_and(|oldest| oldest.elapsed() >= LATENCY) {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// One last line of ours, where there is one, and everything stored.
    pub async fn end(&mut self, last_words: &str) -> Result<(), Fault> {
        if !last_words.is_empty() {
            if !self.line.is_empty() {
                self.end_line().await?;
            }
            self.write_line(last_words.as_bytes()).await?;
        }
        self.finish().await
    }

    /// Stores everything, with the tail of a log that was too long.
    pub async fn finish(&mut self) -> Result<(), Fault> {
        if !self.line.is_empty() {
            self.end_line().await?;
        }
        self.flush().await?;
        if self.dropped > 0 || !self.tail.is_empty() {
            let mark =
                format!("── {} bytes cut here; a log keeps its head and its tail\n", self.dropped);
            self.piece.extend_from_slice(mark.as_bytes());
            while let Some(line) = self.tail.pop_front() {
                self.piece.extend_from_slice(&line);
                if self.piece.len() >= PIECE {
                    self.flush().await?;
                }
            }
            self.flush().await?;
        }
        Ok(())
    }

    fn grow(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..room]);
        self.line_cut += bytes.len() - room;
    }

    async fn end_line(&mut self) -> Result<(), Fault> {
        let mut line = redact(&self.line);
        self.line.clear();
        if self.line_cut > 0 {
            line.extend_from_slice(format!(" … {} bytes cut", self.line_cut).as_bytes());
            self.line_cut = 0;
        }
        self.last_lines
            .push_back(String::from_utf8_lossy(&line[..line.len().min(2_000)]).into_owned());
        if self.last_lines.len() > 30 {
            self.last_lines.pop_front();
        }
        line.push(b'\n');
        let stored = u64::try_from(self.next.offset).unwrap_or_default() + self.piece.len() as u64;
        if stored < HEAD_BYTES {
            self.piece.extend_from_slice(&line);
            self.oldest.get_or_insert_with(Instant::now);
        } else {
            self.keep_in_tail(line);
        }
        match self.piece.len() >= PIECE {
            true => self.flush().await,
            false => self.tick().await,
        }
    }

    fn keep_in_tail(&mut self, line: Vec<u8>) {
        self.tail_bytes += line.len();
        self.tail.push_back(line);
        while self.tail_bytes > TAIL_BYTES {
            let Some(line) = self.tail.pop_front() else { break };
            self.tail_bytes -= line.len();
            self.dropped += line.len() as u64;
        }
    }

    /// A database that is away for a moment costs nothing but time: the piece is kept, and the step waits.
    async fn flush(&mut self) -> Result<(), Fault> {
        self.send().await?;
        self.oldest = None;
        if !self.piece.is_empty() {
            self.unsent = Some(LogChunk {
                start: self.next,
                step: self.step.clone(),
                data: std::mem::take(&mut self.piece),
            });
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Fault> {
        let Some(chunk) = &self.unsent else { return Ok(()) };
        let began = Instant::now();
        while let Err(fault) = self.store.append(self.id, chunk).await {
            pause_or(fault, began).await?;
        }
        self.next = chunk.end();
        self.unsent = None;
        Ok(())
    }
}

/// A moment before the next try, or the fault once patience is over.
async fn pause_or(fault: Fault, began: Instant) -> Result<(), Fault> {
    if began.elapsed() > PATIENCE {
        return Err(fault);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// Steps only go forward, so that output which looks like a mark cannot send the build's step to and fro.
fn lies_ahead(now: &str, next: &str) -> bool {
    const ORDER: [&str; 5] = ["resolve", "apt", "pip", "commit", "push"];
    let place = |step: &str| ORDER.iter().position(|name| *name == step);
    place(next) > place(now)
}

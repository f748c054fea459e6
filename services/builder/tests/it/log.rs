//! The log sink: from the output of a step to the store.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use slipway_builder::{
    domain::{attempt::AttemptNumber, log::LogChunk, step::Step},
    worker::{
        log_sink::LogSink,
        ports::{CoordinatorError, LogStore},
    },
};
use slipway_names::id::BuildId;

const MIB: u64 = 1 << 20;
const PAGE_BYTES: u64 = 4_096;

/// A log store that keeps only the size of the log and its last bytes.
#[derive(Clone, Default)]
struct CountingStore(Arc<Mutex<Stored>>);

#[derive(Clone, Default)]
struct Stored {
    bytes: u64,
    last_bytes: Vec<u8>,
}

#[async_trait]
impl LogStore for CountingStore {
    async fn append(&self, _: BuildId, chunk: &LogChunk) -> Result<bool, CoordinatorError> {
        let mut stored = self.0.lock().unwrap();
        stored.bytes += chunk.data.len() as u64;
        stored.last_bytes = chunk.data[chunk.data.len().saturating_sub(200)..].to_vec();

        Ok(true)
    }

    async fn record_step(
        &self,
        _: BuildId,
        _: AttemptNumber,
        _: Step,
    ) -> Result<bool, CoordinatorError> {
        Ok(true)
    }
}

#[tokio::test]
async fn endless_log_uses_bounded_memory() {
    let store = CountingStore::default();
    let mut log = LogSink::new(Arc::new(store.clone()), BuildId::new(), AttemptNumber(1));
    let line = [b"x".repeat(999).as_slice(), b"\n"].concat();

    let before = resident_bytes();
    let mut highest = before;
    for number in 0..160_000_u32 {
        log.write(&line, |_| None).await.unwrap();
        if number % 10_000 == 0 {
            highest = highest.max(resident_bytes());
        }
    }

    log.write(&b"y".repeat(1 << 20), |_| None).await.unwrap();
    log.write(b"\nthe end\n", |_| None).await.unwrap();
    log.end(None).await.unwrap();

    let growth = highest - before;
    assert!(growth < 32 * MIB, "memory grew by {} MiB", growth / MIB);

    let stored = store.0.lock().unwrap().clone();
    assert!((99 * MIB..102 * MIB).contains(&stored.bytes), "{} bytes are stored", stored.bytes);
    let tail = String::from_utf8_lossy(&stored.last_bytes);
    assert!(tail.ends_with("the end\n"), "the tail is not stored: {tail}");
}

#[tokio::test]
async fn step_begins_on_a_line_of_its_own() {
    let store = CountingStore::default();
    let mut log = LogSink::new(Arc::new(store.clone()), BuildId::new(), AttemptNumber(1));

    log.write(b"no line break", |_| None).await.unwrap();
    log.begin_step(Step::Push).await.unwrap();
    assert_eq!(store.0.lock().unwrap().last_bytes, b"no line break\n");

    log.write(b"pushed", |_| None).await.unwrap();
    log.end(Some("the build succeeded")).await.unwrap();
    let end = "── push\npushed\nthe build succeeded\n";
    assert_eq!(store.0.lock().unwrap().last_bytes, end.as_bytes());
}

#[tokio::test]
async fn cut_line_that_begins_a_step_keeps_its_note() {
    let store = CountingStore::default();
    let mut log = LogSink::new(Arc::new(store.clone()), BuildId::new(), AttemptNumber(1));
    let line = [b"STEP".as_slice(), &b"x".repeat(100_000), b"\n"].concat();

    log.write(&line, |line| line.starts_with(b"STEP").then_some(Step::Commit)).await.unwrap();
    log.end(None).await.unwrap();

    let stored = store.0.lock().unwrap().last_bytes.clone();
    assert!(stored.ends_with(b"x \xe2\x80\xa6 34468 bytes cut\n"), "{}", stored.escape_ascii());
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();

    pages * PAGE_BYTES
}

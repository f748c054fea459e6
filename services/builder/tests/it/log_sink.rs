//! The log's way from a step to the store.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use slipway_builder::{
    app::{LogSink, LogStore},
    domain::log::LogChunk,
};
use slipway_fault::Fault;
use slipway_names::id::BuildId;

/// Counts instead of keeping.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<(u64, Vec<u8>)>>);

#[async_trait]
impl LogStore for Counter {
    async fn append(&self, _: BuildId, chunk: &LogChunk) -> Result<bool, Fault> {
        let mut state = self.0.lock().unwrap();
        state.0 += chunk.data.len() as u64;
        state.1 = chunk.data[chunk.data.len().saturating_sub(200)..].to_vec();
        Ok(true)
    }

    async fn step(&self, _: BuildId, _: i32, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_without_end_takes_bounded_memory() {
    let counter = Counter::default();
    let mut log = LogSink::new(Arc::new(counter.clone()), BuildId::new(), 1);
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
    log.finish().await.unwrap();
    assert!(highest - before < 32 << 20, "memory rose by {} MiB", (highest - before) >> 20);
    let (stored, tail) = counter.0.lock().unwrap().clone();
    assert!((99 << 20..102 << 20).contains(&stored), "{stored} bytes are stored");
    assert!(String::from_utf8_lossy(&tail).ends_with("the end\n"), "the tail is kept");
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

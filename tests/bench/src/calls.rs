//! What one caller measured.

use std::time::{Duration, Instant};

/// The calls of one caller.
#[derive(Default)]
pub(crate) struct Calls {
    /// Time of each successful call, in the order of the calls.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) failed: usize,
}

impl Calls {
    /// Counts a call that began at `sent`, unless it belongs to the warm-up.
    pub(crate) fn record(&mut self, sent: Instant, is_counted: bool, is_successful: bool) {
        if !is_counted {
            return;
        }

        if is_successful {
            self.latencies.push(sent.elapsed());
        } else {
            self.failed += 1;
        }
    }
}

//! When a stream that ended too early is opened again, and when to give up.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::failure::Failure;

/// Longest series of failures without any new message between them.
const NO_PROGRESS_TIMEOUT: Duration = Duration::from_secs(120);
/// A stream that stayed open this long resets the series, even without messages.
const STABLE_STREAM_AGE: Duration = Duration::from_secs(10);
const INITIAL_DELAY: Duration = Duration::from_millis(250);
/// The delays of one series.
const DELAYS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(INITIAL_DELAY)
    .with_max_delay(Duration::from_secs(4))
    .without_max_times();

/// Retry state of one stream.
///
/// A failure before the first successful opening is returned at once, so that a wrong address is
/// reported immediately.
#[derive(Default)]
pub(crate) struct RetryPolicy {
    has_opened: bool,
    opened_at: Option<Instant>,
    series: Option<FailureSeries>,
}

/// Failures without any new message between them.
struct FailureSeries {
    start: Instant,
    delays: ExponentialBackoff,
}

impl RetryPolicy {
    pub(crate) fn record_opened(&mut self) {
        self.has_opened = true;
        self.opened_at = Some(Instant::now());
    }

    /// Records a new message on the stream: the series of failures starts anew.
    pub(crate) fn record_progress(&mut self) {
        self.series = None;
    }

    /// Sleeps until the next attempt is due, or returns the failure when there must be none.
    pub(crate) async fn wait_before_retry(&mut self, failure: Failure) -> Result<(), Failure> {
        let delay = self.next_delay(failure, Instant::now())?;
        tokio::time::sleep(delay).await;
        Ok(())
    }

    fn next_delay(&mut self, failure: Failure, now: Instant) -> Result<Duration, Failure> {
        let opened_at = self.opened_at.take();
        if opened_at.is_some_and(|opened_at| now.duration_since(opened_at) >= STABLE_STREAM_AGE) {
            self.record_progress();
        }

        let series =
            self.series.get_or_insert_with(|| FailureSeries { start: now, delays: DELAYS.build() });
        let has_timed_out = now.duration_since(series.start) >= NO_PROGRESS_TIMEOUT;
        if !self.has_opened || !failure.is_transient() || has_timed_out {
            return Err(failure);
        }

        series.delays.next().ok_or(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> Failure {
        Failure::unavailable("unavailable")
    }

    #[test]
    fn failure_before_the_first_opening_is_returned() {
        assert!(RetryPolicy::default().next_delay(unavailable(), Instant::now()).is_err());
    }

    #[test]
    fn permanent_failure_is_returned() {
        let mut policy = RetryPolicy::default();
        policy.record_opened();

        assert!(policy.next_delay(Failure::not_found("gone"), Instant::now()).is_err());
    }

    #[test]
    fn delays_double_until_the_timeout() {
        let mut policy = RetryPolicy::default();
        policy.record_opened();
        let start = Instant::now();
        let mut delay =
            |seconds| policy.next_delay(unavailable(), start + Duration::from_secs(seconds)).ok();

        assert_eq!(delay(0), Some(INITIAL_DELAY));
        assert_eq!(delay(1), Some(INITIAL_DELAY * 2));
        assert_eq!(delay(119), Some(INITIAL_DELAY * 4));
        assert_eq!(delay(121), None);
    }

    #[test]
    fn progress_and_stable_streams_restart_the_timeout() {
        let mut policy = RetryPolicy::default();
        policy.record_opened();
        let start = Instant::now();
        assert!(policy.next_delay(unavailable(), start).is_ok());

        policy.record_progress();
        assert!(policy.next_delay(unavailable(), start + NO_PROGRESS_TIMEOUT).is_ok());

        policy.record_opened();
        let much_later = Instant::now() + NO_PROGRESS_TIMEOUT * 3;
        assert!(policy.next_delay(unavailable(), much_later).is_ok());
    }
}

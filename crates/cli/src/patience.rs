//! How often, and for how long, a stream that ended too early is opened again.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Of failures without anything new between them.
const GIVE_UP: Duration = Duration::from_secs(120);
/// A stream that lived this long was no failure, even if nothing came.
const STEADY: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_millis(250);
const DOUBLINGS: u32 = 4;

/// Of one stream. The first opening is not tried again: a wrong address should say so at once.
#[derive(Default)]
pub(crate) struct Patience {
    was_open: bool,
    open_since: Option<Instant>,
    failing_since: Option<Instant>,
    failures: u32,
}

impl Patience {
    pub(crate) fn opened(&mut self) {
        self.was_open = true;
        self.open_since = Some(Instant::now());
    }

    /// Something new came.
    pub(crate) fn heard(&mut self) {
        self.failing_since = None;
        self.failures = 0;
    }

    /// Waits before the next try, or gives the failure back.
    pub(crate) async fn wait(&mut self, failure: Failure) -> Result<(), Failure> {
        let pause = self.pause(failure, Instant::now())?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn pause(&mut self, failure: Failure, now: Instant) -> Result<Duration, Failure> {
        if self.open_since.take().is_some_and(|since| now.duration_since(since) >= STEADY) {
            self.heard();
        }
        let since = *self.failing_since.get_or_insert(now);
        if !self.was_open || !failure.is_passing() || now.duration_since(since) >= GIVE_UP {
            return Err(failure);
        }
        let pause = SHORTEST * 2_u32.pow(self.failures.min(DOUBLINGS));
        self.failures += 1;
        Ok(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> Failure {
        Failure::unavailable("away")
    }

    #[test]
    fn the_first_opening_is_not_tried_again() {
        assert!(Patience::default().pause(away(), Instant::now()).is_err());
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let mut patience = Patience::default();
        patience.opened();
        assert!(patience.pause(Failure::not_found("gone"), Instant::now()).is_err());
    }

    #[test]
    fn pauses_grow_until_it_gives_up() {
        let mut patience = Patience::default();
        patience.opened();
        let began = Instant::now();
        let mut pause = |seconds| patience.pause(away(), began + Duration::from_secs(seconds)).ok();
        assert_eq!(pause(0), Some(SHORTEST));
        assert_eq!(pause(1), Some(SHORTEST * 2));
        assert_eq!(pause(119), Some(SHORTEST * 4));
        assert_eq!(pause(121), None);
    }

    #[test]
    fn news_and_long_lives_begin_the_count_again() {
        let mut patience = Patience::default();
        patience.opened();
        let began = Instant::now();
        assert!(patience.pause(away(), began).is_ok());
        patience.heard();
        assert!(patience.pause(away(), began + GIVE_UP).is_ok());
        patience.opened();
        assert!(patience.pause(away(), Instant::now() + GIVE_UP * 3).is_ok());
    }
}

//! The result of a whole run.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use anyhow::{Result, bail};

use crate::test::servers::OnMissing;

/// Number of tests in the list of the slowest.
const SLOWEST_TESTS: usize = 10;

#[derive(Default)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Tests with their times, in the order in which they ended.
    pub(super) times: Vec<(Duration, String)>,
}

impl Tally {
    /// Prints the slowest tests and the line `N passed, N failed`, with the number of skipped tests
    /// if there are any. libtest counts skipped tests as passed; each has a line
    /// `test<TAB>reason` in `skips`.
    pub(super) fn report(&self, skips: &str, on_missing: OnMissing) -> Result<()> {
        self.print_slowest();

        let skips: Vec<(&str, &str)> =
            skips.lines().filter_map(|line| line.split_once('\t')).collect();
        let tests: BTreeSet<&str> = skips.iter().map(|(test, _)| *test).collect();
        let reasons: BTreeSet<&str> = skips.iter().map(|(_, reason)| *reason).collect();
        for reason in reasons {
            println!("{reason}");
        }

        let failed = self.failed;
        let skipped = tests.len();
        let passed = self.passed.saturating_sub(skipped);
        if skipped == 0 {
            println!("{passed} passed, {failed} failed");
        } else {
            println!("{passed} passed, {failed} failed, {skipped} skipped");
        }

        if failed > 0 {
            bail!("{failed} tests failed");
        }
        if skipped > 0 && on_missing == OnMissing::Fail {
            bail!("{skipped} tests were skipped");
        }
        Ok(())
    }

    fn print_slowest(&self) {
        let slowest = self.slowest();
        if slowest.is_empty() {
            return;
        }

        println!("\nslowest tests, in seconds:");
        for (time, test) in slowest {
            println!("{:>8.2}  {test}", time.as_secs_f32());
        }
        println!();
    }

    fn slowest(&self) -> Vec<&(Duration, String)> {
        let mut times: Vec<_> = self.times.iter().collect();
        times.sort_by_key(|(time, _)| Reverse(*time));
        times.truncate(SLOWEST_TESTS);
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: usize, failed: usize) -> Tally {
        Tally { passed, failed, times: Vec::new() }
    }

    #[test]
    fn skipped_tests_fail_the_run_unless_allowed() {
        assert!(tally(2, 0).report("", OnMissing::Fail).is_ok());

        let skips = "a\tSKIPPED because X\na\tSKIPPED because Y\n";
        assert!(tally(2, 0).report(skips, OnMissing::Fail).is_err());
        assert!(tally(2, 0).report(skips, OnMissing::Skip).is_ok());
    }

    #[test]
    fn failed_tests_fail_the_run() {
        assert!(tally(2, 1).report("", OnMissing::Skip).is_err());
    }

    #[test]
    fn slowest_tests_come_first() {
        let times = (1..=20).map(|second| (Duration::from_secs(second), second.to_string()));
        let tally = Tally { times: times.collect(), ..Tally::default() };

        let slowest: Vec<_> = tally.slowest().iter().map(|(_, test)| test.as_str()).collect();
        assert_eq!(slowest, ["20", "19", "18", "17", "16", "15", "14", "13", "12", "11"]);
    }
}

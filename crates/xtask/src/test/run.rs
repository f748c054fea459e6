//! Running the test binaries one after the other, with progress while they run.

use std::{
    collections::BTreeSet,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    test::{binary::TestBinary, output::Line, tally::Tally},
    workspace::run_by_line,
};

/// Runs each test binary. Prints its name when it starts, and each failed test at once.
pub(super) fn run_all(
    binaries: &[TestBinary],
    filter: Option<&str>,
    command: impl Fn(&Path) -> Command,
) -> Result<Tally> {
    let mut tally = Tally::default();

    for binary in binaries {
        let mut command = command(&binary.path);
        command.args(filter).args(["--test-threads", "4"]);
        // `--report-time` is an unstable option of libtest; this variable permits it on a stable
        // toolchain.
        command.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "unstable-options", "--report-time"]);

        let mut run = BinaryRun::new(&binary.name);
        let status = run_by_line(&mut command, |line| run.record(line))?;
        run.finish(status.success(), &mut tally);
    }
    Ok(tally)
}

struct BinaryRun<'a> {
    name: &'a str,
    start: Instant,
    passed: usize,
    failed: usize,
    /// Tests with their times.
    times: Vec<(Duration, String)>,
    /// All output but the lines of passed tests.
    text: String,
    isolation: BTreeSet<String>,
}

impl<'a> BinaryRun<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            start: Instant::now(),
            passed: 0,
            failed: 0,
            times: Vec::new(),
            text: String::new(),
            isolation: BTreeSet::new(),
        }
    }

    fn record(&mut self, line: &str) {
        let parsed = Line::parse(line);
        if !matches!(parsed, Line::Test { has_failed: false, .. }) {
            self.text.push_str(line);
            self.text.push('\n');
        }

        match parsed {
            Line::Start { tests } if tests > 0 => println!("── {}: {tests} tests", self.name),
            Line::Test { name, has_failed, time } => {
                if has_failed {
                    println!("FAILED {name}");
                }
                self.times.extend(time.map(|time| (time, name.to_owned())));
            }
            Line::Result { passed, failed } => {
                self.passed = passed;
                self.failed = failed;
            }
            Line::Isolation if self.isolation.insert(line.to_owned()) => println!("{line}"),
            Line::Start { .. } | Line::Isolation | Line::Other => {}
        }
    }

    /// Prints the numbers, and before them the output if a test failed.
    fn finish(mut self, is_success: bool, tally: &mut Tally) {
        // A test binary that crashed has no result line.
        if !is_success && self.failed == 0 {
            self.failed = 1;
        }

        let Self { name, passed, failed, .. } = self;
        let seconds = self.start.elapsed().as_secs_f32();
        if failed > 0 {
            println!("{}\n{name}: {passed} passed, {failed} failed, {seconds:.1} s", self.text);
        } else if passed > 0 {
            println!("{name}: {passed} passed, {seconds:.1} s");
        }

        let times = self.times.into_iter().map(|(time, test)| (time, format!("{name} {test}")));
        tally.passed += passed;
        tally.failed += failed;
        tally.times.extend(times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(lines: &[&str], is_success: bool) -> Tally {
        let mut tally = Tally::default();
        let mut run = BinaryRun::new("a --lib");
        for line in lines {
            run.record(line);
        }

        run.finish(is_success, &mut tally);
        tally
    }

    #[test]
    fn counts_and_times_of_a_binary_are_added() {
        let lines = [
            "running 2 tests",
            "test b ... ok <0.500s>",
            "test c ... FAILED",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
        ];
        let tally = tally_of(&lines, false);

        assert_eq!((tally.passed, tally.failed), (1, 1));
        assert_eq!(tally.times, [(Duration::from_millis(500), "a --lib b".to_owned())]);
    }

    #[test]
    fn binary_runs_with_times_of_its_tests() {
        let path = std::env::current_exe().unwrap();
        let binary = TestBinary { name: "xtask --bin xtask".to_owned(), path };

        let tally = run_all(&[binary], Some("slowest_tests_come_first"), |path| Command::new(path));

        let tally = tally.unwrap();
        assert_eq!((tally.passed, tally.failed, tally.times.len()), (1, 0, 1));
    }

    #[test]
    fn crashed_binary_counts_as_one_failure() {
        let tally = tally_of(&["running 2 tests", "test b ... ok <0.500s>"], false);
        assert_eq!((tally.passed, tally.failed), (0, 1));
    }
}

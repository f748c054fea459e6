//! The lines that a test binary prints (libtest's plain format).

use std::time::Duration;

#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// `running 3 tests`
    Start {
        tests: usize,
    },
    /// `test a::b ... ok <0.125s>`. The time is an unstable feature of libtest, and may be absent.
    Test {
        name: &'a str,
        has_failed: bool,
        time: Option<Duration>,
    },
    /// `test result: ok. 3 passed; 0 failed; …`
    Result {
        passed: usize,
        failed: usize,
    },
    /// `isolation: …`, about the isolation that builds have on this host.
    Isolation,
    Other,
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a str) -> Self {
        let parsed = if line.starts_with("isolation: ") {
            Some(Self::Isolation)
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            Some(parse_result(counts))
        } else if let Some(test) = line.strip_prefix("test ") {
            parse_test(test)
        } else {
            parse_start(line)
        };

        parsed.unwrap_or(Self::Other)
    }
}

fn parse_start(line: &str) -> Option<Line<'_>> {
    let count = line.strip_prefix("running ")?.split_once(" test")?.0;
    Some(Line::Start { tests: count.parse().ok()? })
}

fn parse_test(text: &str) -> Option<Line<'_>> {
    let (name, outcome) = text.split_once(" ... ")?;
    let (outcome, time) = match outcome.split_once(" <") {
        Some((outcome, time)) => (outcome, parse_time(time)),
        None => (outcome, None),
    };

    match outcome {
        "ok" => Some(Line::Test { name, has_failed: false, time }),
        "FAILED" => Some(Line::Test { name, has_failed: true, time }),
        _ => None,
    }
}

/// `0.125s>`
fn parse_time(text: &str) -> Option<Duration> {
    let seconds = text.strip_suffix("s>")?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn parse_result(text: &str) -> Line<'_> {
    let words: Vec<&str> = text.split([' ', ';']).collect();
    Line::Result {
        passed: number_before("passed", &words),
        failed: number_before("failed", &words),
    }
}

fn number_before(word: &str, words: &[&str]) -> usize {
    let pair = words.windows(2).find(|pair| pair[1] == word);
    pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_libtest_are_recognised() {
        let test = |name, has_failed, milliseconds: Option<u64>| Line::Test {
            name,
            has_failed,
            time: milliseconds.map(Duration::from_millis),
        };

        for (line, want) in [
            ("running 0 tests", Line::Start { tests: 0 }),
            ("running 1 test", Line::Start { tests: 1 }),
            ("test a::b ... ok <1.125s>", test("a::b", false, Some(1_125))),
            ("test a::b ... FAILED <0.001s>", test("a::b", true, Some(1))),
            ("test a::b ... ok", test("a::b", false, None)),
            ("test a::b ... ok <soon>", test("a::b", false, None)),
            ("test a - should panic ... ok <0.002s>", test("a - should panic", false, Some(2))),
            ("test a::b ... ignored", Line::Other),
            (
                "test result: FAILED. 9 passed; 1 failed; 0 ignored; 0 measured; \
                 47 filtered out; finished in 98.94s",
                Line::Result { passed: 9, failed: 1 },
            ),
            ("test result: ok. 12 passed; 0 failed", Line::Result { passed: 12, failed: 0 }),
            ("isolation: none", Line::Isolation),
            ("Segmentation fault", Line::Other),
            ("", Line::Other),
        ] {
            assert_eq!(Line::parse(line), want, "{line}");
        }
    }
}

//! Log cursors, log chunks, and the redaction of log lines.

use std::{fmt, str::FromStr};

use slipway_names::unit::ByteCount;

use crate::domain::{attempt::AttemptNumber, step::Step};

/// Longest line in bytes; the rest of the line is cut.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// The part that is kept from the beginning of an attempt's log. What lies between it and the last
/// [`TAIL_BYTES`] is omitted by `worker/log_sink.rs`.
pub const HEAD_SIZE: ByteCount = ByteCount::mebibytes(99);
/// Bytes that are kept from the end of a log that is longer than [`HEAD_SIZE`].
pub const TAIL_BYTES: usize = 1024 * 1024;

/// A position in a build's log. Opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub attempt: AttemptNumber,
    /// Bytes of the attempt's log before this position.
    pub offset: ByteCount,
}

impl Cursor {
    /// Before the first byte of the first attempt.
    pub const START: Self = Self { attempt: AttemptNumber::NONE, offset: ByteCount::ZERO };
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}-{:x}", self.attempt.0, self.offset.get())
    }
}

/// The text is not a cursor. The message is the description of a field violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this build's log; omit it to start from the beginning")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.is_empty() {
            return Ok(Self::START);
        }

        let (attempt, offset) = text.split_once('-').ok_or(InvalidCursor)?;
        let attempt = i32::from_str_radix(attempt, 16).map_err(|_| InvalidCursor)?;
        let offset = i64::from_str_radix(offset, 16).map_err(|_| InvalidCursor)?;
        if attempt < 0 {
            return Err(InvalidCursor);
        }

        let offset = ByteCount::try_from(offset).map_err(|_| InvalidCursor)?;
        Ok(Self { attempt: AttemptNumber(attempt), offset })
    }
}

/// Consecutive bytes of one attempt's log, all from the same step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Position of the first byte.
    pub start: Cursor,
    pub step: Step,
    /// The output, redacted. It may contain control characters.
    pub data: Vec<u8>,
}

impl LogChunk {
    /// Position of the first byte after the chunk.
    pub fn end(&self) -> Cursor {
        Cursor { offset: self.start.offset + ByteCount::of(&self.data), ..self.start }
    }

    /// The part of the chunk from the cursor on.
    #[must_use]
    pub fn from_cursor(mut self, cursor: Cursor) -> Self {
        if self.start.attempt == cursor.attempt && self.start.offset < cursor.offset {
            let surplus = cursor.offset.get() - self.start.offset.get();
            let surplus = usize::try_from(surplus).unwrap_or(usize::MAX).min(self.data.len());
            self.data.drain(..surplus);
            self.start = cursor;
        }

        self
    }
}

/// Replaces user and password in every URL of a line by `***`.
pub fn redact_url_user_info(line: &[u8]) -> Vec<u8> {
    let mut redacted = Vec::with_capacity(line.len());
    let mut rest = line;

    while let Some(scheme_end) = find(rest, b"://") {
        let (scheme, after) = rest.split_at(scheme_end + 3);
        redacted.extend_from_slice(scheme);

        let authority_end = after.iter().position(ends_authority).unwrap_or(after.len());
        let user_info_end = after[..authority_end].iter().rposition(|byte| *byte == b'@');
        if let Some(user_info_end) = user_info_end {
            redacted.extend_from_slice(b"***");
            rest = &after[user_info_end..];
        } else {
            rest = after;
        }
    }

    redacted.extend_from_slice(rest);
    redacted
}

fn ends_authority(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || b"/\"'<>".contains(byte)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_survives_formatting_and_parsing() {
        let later = Cursor { attempt: AttemptNumber(3), offset: ByteCount::mebibytes(100) };

        for cursor in [Cursor::START, later] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn malformed_cursor_is_refused() {
        for text in ["x", "1", "-1-0", "1--1", "1-zz"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn chunk_from_a_cursor_inside_it_begins_at_the_cursor() {
        let offset = |bytes: &[u8]| ByteCount::of(bytes);
        let cursor = |attempt, offset| Cursor { attempt: AttemptNumber(attempt), offset };
        let chunk = LogChunk {
            start: cursor(2, offset(b"before")),
            step: Step::Apt,
            data: b"hello world".to_vec(),
        };

        let inside = cursor(2, offset(b"beforehello "));
        let rest = LogChunk { start: inside, data: b"world".to_vec(), ..chunk.clone() };
        assert_eq!(chunk.clone().from_cursor(inside), rest);
        assert_eq!(rest.end(), chunk.end());

        for earlier in [Cursor::START, cursor(1, offset(b"beforehello ")), chunk.start] {
            assert_eq!(chunk.clone().from_cursor(earlier), chunk);
        }
    }

    fn check_redacted(line: &str, want: &str) {
        assert_eq!(String::from_utf8_lossy(&redact_url_user_info(line.as_bytes())), want);
    }

    #[test]
    fn user_info_of_urls_is_redacted() {
        check_redacted(
            "Looking in https://me:s3cret@pypi.example/simple",
            "Looking in https://***@pypi.example/simple",
        );
        check_redacted("a http://x/y@z b https://u@h", "a http://x/y@z b https://***@h");
        check_redacted("://", "://");
    }
}

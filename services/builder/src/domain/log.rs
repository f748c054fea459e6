//! Log cursors and what a line may show.

use std::{fmt, str::FromStr};

/// Longest line in bytes; the rest of it is cut.
pub const LONGEST_LINE: usize = 64 * 1024;
/// Bytes kept from the head of an attempt's log.
pub const HEAD_BYTES: u64 = 99 * 1024 * 1024;
/// Bytes kept from its tail when it is longer.
pub const TAIL_BYTES: usize = 1024 * 1024;

/// A place in a build's log: the next byte of an attempt. Opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Counted from 1; 0 before the first.
    pub attempt: i32,
    /// Bytes of the attempt's log before this place.
    pub offset: i64,
}

impl Cursor {
    /// Before everything.
    pub const START: Self = Self { attempt: 0, offset: 0 };
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}-{:x}", self.attempt, self.offset)
    }
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor that this build's log gave out; begin again without one")]
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
        if attempt < 0 || offset < 0 { Err(InvalidCursor) } else { Ok(Self { attempt, offset }) }
    }
}

/// A piece of one attempt's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Where it begins.
    pub start: Cursor,
    /// The step that wrote it.
    pub step: String,
    /// As written.
    pub data: Vec<u8>,
}

impl LogChunk {
    /// Where the next one begins.
    pub fn end(&self) -> Cursor {
        Cursor {
            offset: self.start.offset + i64::try_from(self.data.len()).unwrap_or_default(),
            ..self.start
        }
    }
}

/// Takes user and password out of every URL of a line.
pub fn redact(line: &[u8]) -> Vec<u8> {
    let mut redacted = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = find(rest, b"://") {
        let (before, after) = rest.split_at(start + 3);
        redacted.extend_from_slice(before);
        let end = after
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b"/\"'<>".contains(byte))
            .unwrap_or(after.len());
        match after[..end].iter().rposition(|byte| *byte == b'@') {
            Some(at) => {
                redacted.extend_from_slice(b"***");
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    redacted.extend_from_slice(rest);
    redacted
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back() {
        for cursor in [Cursor::START, Cursor { attempt: 3, offset: 104_857_600 }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["x", "1", "-1-0", "1--1", "1-zz"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn user_info_does_not_reach_the_log() {
        let check = |line: &str, want: &str| {
            assert_eq!(String::from_utf8_lossy(&redact(line.as_bytes())), want)
        };
        check(
            "Looking in https://me:s3cret@pypi.example/simple",
            "Looking in https://***@pypi.example/simple",
        );
        check("a http://x/y@z b https://u@h", "a http://x/y@z b https://***@h");
        check("://", "://");
    }
}

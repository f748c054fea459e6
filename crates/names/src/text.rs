//! Free text on one line: display names, people's names, subjects of tokens. What it says is nobody's business here.

use std::ops::RangeInclusive;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Too short or too long.
    #[error("has {length} characters; give {least} to {most}")]
    Length {
        /// Characters given.
        length: usize,
        /// Characters at least.
        least: usize,
        /// Characters at most.
        most: usize,
    },
    /// NUL is refused by databases; line breaks and escapes would change the structure of logs and terminals.
    #[error("has a control character at position {position}; leave it away")]
    Control {
        /// From 1, in characters.
        position: usize,
    },
}

/// The text itself, where it is one line of so many characters.
pub fn line(text: &str, characters: RangeInclusive<usize>) -> Result<&str, InvalidText> {
    if let Some(before) = text.chars().position(char::is_control) {
        return Err(InvalidText::Control { position: before + 1 });
    }
    let length = text.chars().count();
    match characters.contains(&length) {
        true => Ok(text),
        false => {
            Err(InvalidText::Length { length, least: *characters.start(), most: *characters.end() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_so_many_characters() {
        let check = |text: &str, want: Result<(), InvalidText>| {
            assert_eq!(line(text, 1..=4).map(|_| ()), want, "{text:?}")
        };
        let length = |length| Err(InvalidText::Length { length, least: 1, most: 4 });
        let control = |position| Err(InvalidText::Control { position });
        check("a", Ok(()));
        check("数据 é", Ok(()));
        check("", length(0));
        check("abcde", length(5));
        check("\0", control(1));
        check("ab\n", control(3));
        check("é\u{1b}[31m", control(2));
        check("a\u{7f}", control(2));
        check("a\u{85}b", control(2));
    }
}

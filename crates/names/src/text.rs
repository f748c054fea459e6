//! Validation of one-line text: display names, users' names, subjects of tokens. Only length and
//! control characters are checked.

use std::ops::RangeInclusive;

/// The cause of a refused text. The message follows the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Too short or too long.
    #[error("has {length} characters; give {least} to {most}")]
    Length {
        /// Characters given.
        length: usize,
        /// Fewest characters allowed.
        least: usize,
        /// Most characters allowed.
        most: usize,
    },
    /// Databases refuse NUL; line breaks and escapes would change the structure of logs and
    /// terminals.
    #[error("has a control character at position {position}; remove it")]
    Control {
        /// In characters, counted from 1.
        position: usize,
    },
}

/// Returns the text if it is one line whose length in characters lies in the range.
///
/// # Errors
/// [`InvalidText`].
pub fn validate_line(text: &str, characters: RangeInclusive<usize>) -> Result<&str, InvalidText> {
    if let Some(index) = text.chars().position(char::is_control) {
        return Err(InvalidText::Control { position: index + 1 });
    }

    let length = text.chars().count();
    if !characters.contains(&length) {
        let least = *characters.start();
        let most = *characters.end();
        return Err(InvalidText::Length { length, least, most });
    }

    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Result<(), InvalidText>) {
        assert_eq!(validate_line(text, 1..=4).map(|_| ()), want, "{text:?}");
    }

    #[test]
    fn length_is_counted_in_characters() {
        let length = |length| Err(InvalidText::Length { length, least: 1, most: 4 });

        check("a", Ok(()));
        check("数据 é", Ok(()));
        check("", length(0));
        check("abcde", length(5));
    }

    #[test]
    fn control_characters_are_refused_with_their_position() {
        let control = |position| Err(InvalidText::Control { position });

        check("\0", control(1));
        check("ab\n", control(3));
        check("é\u{1b}[31m", control(2));
        check("a\u{7f}", control(2));
        check("a\u{85}b", control(2));
    }
}

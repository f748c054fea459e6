//! Validation of one-line text: display names, users' names, subjects of tokens. `validate_line`
//! checks only length and control characters. `hidden_kind` names the characters that a reader
//! cannot see.

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

/// The kind of a character that a reader cannot see. `None` for visible characters and the blank.
pub fn hidden_kind(character: char) -> Option<&'static str> {
    match character {
        '\n' | '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
            Some("a line break")
        }
        '\0' => Some("NUL"),
        '\t' => Some("a tab"),
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some("a bidirectional control character"),
        '\u{00ad}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{feff}' => Some("a zero-width character"),
        _ if character.is_control() => Some("a control character"),
        _ => None,
    }
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
    fn characters_that_a_reader_cannot_see_are_hidden() {
        for visible in ['a', ' ', 'é', '数'] {
            assert_eq!(hidden_kind(visible), None, "{visible:?}");
        }
        for hidden in
            ['\t', '\n', '\u{1b}', '\u{61c}', '\u{200d}', '\u{2028}', '\u{2066}', '\u{feff}']
        {
            assert!(hidden_kind(hidden).is_some(), "{hidden:?}");
        }
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

//! The error of a text that is not a word of an enum.

/// The text is not a value of the enum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of the known words")]
pub struct UnknownWord(String);

impl UnknownWord {
    /// Keeps at most 40 characters of the text, because it is shown in an error message.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().take(40).collect())
    }
}

//! Rules for the lines of every manager: no hidden characters, no options, comments ignored.

use std::fmt;

/// The package manager whose grammar a line follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// Debian packages.
    Apt,
    /// conda MatchSpecs.
    Conda,
    /// PEP 508 requirements.
    Pip,
}

impl fmt::Display for Manager {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Apt => "apt",
            Self::Conda => "conda",
            Self::Pip => "pip",
        })
    }
}

/// The cause of a refused line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Position of the first wrong character, counted from 1.
    pub column: usize,
    /// A sentence for the user: the cause and the correction.
    pub reason: String,
    /// The nearest valid line, if one is known.
    pub nearest: Option<String>,
}

impl Problem {
    pub(crate) fn at(column: usize, reason: impl Into<String>) -> Self {
        Self { column, reason: reason.into(), nearest: None }
    }

    pub(crate) fn nearest(mut self, nearest: impl Into<String>) -> Self {
        self.nearest = Some(nearest.into());
        self
    }
}

/// A refused line of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{manager} line {line}, column {}: {}{}", problem.column, problem.reason, Nearest(problem))]
pub struct LineError {
    pub manager: Manager,
    /// Counted from 1.
    pub line: usize,
    pub problem: Problem,
}

struct Nearest<'a>(&'a Problem);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.nearest {
            Some(nearest) => write!(formatter, "; `{nearest}` would be valid"),
            None => Ok(()),
        }
    }
}

/// Returns the line without its comment and surrounding blanks, and its offset in characters.
/// `None` for blank lines and comments.
pub(crate) fn strip_comment(line: &str) -> Result<Option<(usize, &str)>, Problem> {
    refuse_hidden_characters(line)?;

    if line.trim_start().starts_with('#') {
        return Ok(None);
    }
    let end = line.find(" #").unwrap_or(line.len());
    let text = line[..end].trim();
    if text.is_empty() {
        return Ok(None);
    }

    let offset = line.chars().count() - line.trim_start().chars().count();
    if text.ends_with('\\') {
        return Err(Problem::at(
            offset + text.chars().count(),
            "a line cannot continue in the next one; give one package per line",
        ));
    }

    Ok(Some((offset, text)))
}

fn refuse_hidden_characters(line: &str) -> Result<(), Problem> {
    for (index, character) in line.chars().enumerate() {
        if let Some(kind) = hidden_kind(character) {
            let code_point = u32::from(character);
            return Err(Problem::at(
                index + 1,
                format!("{kind} (U+{code_point:04X}) is not allowed in a package line; remove it"),
            ));
        }
    }

    Ok(())
}

/// Refuses a leading `-`, which the manager would read as an option.
pub(crate) fn refuse_option(offset: usize, text: &str) -> Result<(), Problem> {
    if text.starts_with('-') {
        return Err(Problem::at(
            offset + 1,
            "options are not allowed; give one package per line, without a leading `-`",
        ));
    }

    Ok(())
}

/// The kind of a character that a reader cannot see. `None` for visible characters and the blank.
fn hidden_kind(character: char) -> Option<&'static str> {
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

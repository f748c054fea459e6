//! Rules for the lines of every manager: no hidden characters, no options, comments ignored.

use std::fmt;

use slipway_names::text::hidden_kind;

/// The package manager whose grammar a line follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageManager {
    /// Debian packages.
    Apt,
    /// conda MatchSpecs.
    Conda,
    /// PEP 508 requirements.
    Pip,
}

impl fmt::Display for PackageManager {
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
    pub manager: PackageManager,
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

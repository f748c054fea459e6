//! apt lines: `name[:arch][=version|/suite]` (Debian policy 5.6.1 and 5.6.12). apt's own suffixes
//! and patterns are refused.

use std::fmt;

use crate::line::{Problem, refuse_option, strip_comment};

/// One Debian package with an optional version or suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptPackage {
    name: String,
    architecture: Option<String>,
    selection: Selection,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Selection {
    AnyVersion,
    Version(String),
    Suite(String),
}

impl AptPackage {
    /// The package as a dependency for `apt-get satisfy`, which takes no patterns and no suffixes.
    /// `None` for a package with a suite.
    pub fn relation(&self) -> Option<String> {
        match &self.selection {
            Selection::AnyVersion => Some(self.qualified_name()),
            Selection::Version(version) => Some(format!("{} (= {version})", self.qualified_name())),
            Selection::Suite(_) => None,
        }
    }

    fn qualified_name(&self) -> String {
        match &self.architecture {
            Some(architecture) => format!("{}:{architecture}", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for AptPackage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.qualified_name())?;

        match &self.selection {
            Selection::AnyVersion => Ok(()),
            Selection::Version(version) => write!(formatter, "={version}"),
            Selection::Suite(suite) => write!(formatter, "/{suite}"),
        }
    }
}

/// Parses one line. `None` for blank lines and comments.
///
/// # Errors
/// The first problem of the line.
pub fn parse(line: &str) -> Result<Option<AptPackage>, Problem> {
    let Some((offset, text)) = strip_comment(line)? else { return Ok(None) };
    refuse_option(offset, text)?;

    let name_length = text.find([':', '=', '/']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_length);
    check_name(name, offset)?;

    let (architecture, rest, offset) = parse_architecture(rest, offset + name_length)?;
    let selection = parse_selection(rest, offset)?;

    Ok(Some(AptPackage { name: name.to_owned(), architecture, selection }))
}

/// Parses an optional `:architecture`. Returns it with the rest of the line and the rest's offset.
fn parse_architecture(text: &str, offset: usize) -> Result<(Option<String>, &str, usize), Problem> {
    let Some(text) = text.strip_prefix(':') else { return Ok((None, text, offset)) };

    let offset = offset + 1;
    let length = text.find(['=', '/']).unwrap_or(text.len());
    let (architecture, rest) = text.split_at(length);
    check_bytes(architecture, offset, "an architecture such as `amd64`", |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
    })?;

    if architecture.ends_with('-') || architecture.starts_with('-') {
        return Err(Problem::at(
            offset + 1,
            "an architecture begins and ends with a letter or digit",
        ));
    }

    Ok((Some(architecture.to_owned()), rest, offset + length))
}

/// Parses an optional `=version` or `/suite`.
fn parse_selection(text: &str, offset: usize) -> Result<Selection, Problem> {
    let Some((separator, text)) = text.split_at_checked(1) else {
        return Ok(Selection::AnyVersion);
    };

    let offset = offset + 1;
    if separator == "=" {
        check_version(text, offset)?;
        return Ok(Selection::Version(text.to_owned()));
    }

    check_suite(text, offset)?;
    Ok(Selection::Suite(text.to_owned()))
}

fn check_name(name: &str, offset: usize) -> Result<(), Problem> {
    if let Some(index) = name.bytes().position(|byte| !is_name_byte(byte)) {
        let column = offset + name[..index].chars().count() + 1;
        let problem = Problem::at(
            column,
            "a package name consists of a-z, 0-9 and `+.-`; give one package per line",
        );

        let lower = name.to_lowercase();
        let is_lower_valid = lower.bytes().all(is_name_byte);
        return Err(if is_lower_valid { problem.nearest(lower) } else { problem });
    }

    if name.len() < 2
        || !name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
    {
        return Err(Problem::at(
            offset + 1,
            "a package name has at least two characters and begins with a letter or digit",
        ));
    }

    if let Some(stem) = name.strip_suffix('-') {
        return Err(Problem::at(offset + name.len(), "a `-` at the end would remove the package")
            .nearest(stem));
    }
    if let Some(index) = name.find(".+") {
        return Err(Problem::at(
            offset + index + 1,
            "apt-get would read `.+` as a pattern; give the package's exact name",
        ));
    }

    Ok(())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte)
}

fn check_version(version: &str, offset: usize) -> Result<(), Problem> {
    check_bytes(version, offset, "a version such as `3.11.2-1+b1`", |byte| {
        byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte)
    })?;

    let parsed: debversion::Version = version
        .parse()
        .map_err(|_| Problem::at(offset + 1, "this is not a Debian version such as `1:2.3-4`"))?;
    if !parsed.upstream_version.starts_with(|first: char| first.is_ascii_digit())
        || version.ends_with('-')
    {
        return Err(Problem::at(
            offset + 1,
            "a Debian version begins with a digit and does not end in `-`",
        ));
    }

    Ok(())
}

fn check_suite(suite: &str, offset: usize) -> Result<(), Problem> {
    check_bytes(suite, offset, "a suite such as `bookworm-backports`", |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
    })?;

    // apt-get reads a `-` at the end of the whole argument as an order to remove the package. The
    // `+`, an order to install it, is refused above.
    if suite.ends_with(['-', '.']) || suite.starts_with(['-', '.']) {
        return Err(Problem::at(offset + 1, "a suite begins and ends with a letter or digit"));
    }

    Ok(())
}

/// Refuses an empty part and the first byte that is not allowed. `expected` names the part with an
/// example.
fn check_bytes(
    part: &str,
    offset: usize,
    expected: &str,
    is_allowed: impl Fn(u8) -> bool,
) -> Result<(), Problem> {
    if let Some(index) = part.bytes().position(|byte| !is_allowed(byte)) {
        return Err(Problem::at(
            offset + part[..index].chars().count() + 1,
            format!("this character is not allowed in {expected}"),
        ));
    }
    if part.is_empty() {
        return Err(Problem::at(offset + 1, format!("expected {expected}")));
    }

    Ok(())
}

//! apt lines: `name[:arch][=version|/suite]` (Debian policy 5.6.1 and 5.6.12). apt's own suffixes and patterns are refused.

use std::fmt;

use crate::line::{Problem, refuse_option, significant};

/// One Debian package, perhaps at a version or from a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptPackage {
    name: String,
    architecture: Option<String>,
    choice: Choice,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Any,
    Version(String),
    Suite(String),
}

impl AptPackage {
    /// For `apt-get satisfy`, which takes no patterns and no suffixes; `None` where a suite is asked for.
    pub fn relation(&self) -> Option<String> {
        match &self.choice {
            Choice::Any => Some(self.qualified_name()),
            Choice::Version(version) => Some(format!("{} (= {version})", self.qualified_name())),
            Choice::Suite(_) => None,
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
        match &self.choice {
            Choice::Any => Ok(()),
            Choice::Version(version) => write!(formatter, "={version}"),
            Choice::Suite(suite) => write!(formatter, "/{suite}"),
        }
    }
}

/// `None` for blank lines and comments.
pub fn parse(line: &str) -> Result<Option<AptPackage>, Problem> {
    let Some((offset, text)) = significant(line)? else { return Ok(None) };
    refuse_option(offset, text)?;
    let name_end = text.find([':', '=', '/']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    check_name(offset, name)?;
    let (architecture, rest, at) = match rest.strip_prefix(':') {
        Some(rest) => {
            let end = rest.find(['=', '/']).unwrap_or(rest.len());
            let (architecture, rest) = rest.split_at(end);
            check(
                architecture,
                offset + name_end + 1,
                "an architecture such as `amd64`",
                |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-',
            )?;
            if architecture.ends_with('-') || architecture.starts_with('-') {
                return Err(Problem::at(
                    offset + name_end + 2,
                    "an architecture begins and ends with a letter or digit",
                ));
            }
            (Some(architecture.to_owned()), rest, offset + name_end + 1 + end)
        }
        None => (None, rest, offset + name_end),
    };
    let choice = match rest.split_at_checked(1) {
        None => Choice::Any,
        Some(("=", version)) => Choice::Version(check_version(version, at + 1)?),
        Some((_, suite)) => {
            check(suite, at + 1, "a suite such as `bookworm-backports`", |byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
            })?;
            // apt takes a `-` or `+` at the end of the whole word for an order to remove or to install.
            if suite.ends_with(['-', '.']) || suite.starts_with(['-', '.']) {
                return Err(Problem::at(at + 2, "a suite begins and ends with a letter or digit"));
            }
            Choice::Suite(suite.to_owned())
        }
    };
    Ok(Some(AptPackage { name: name.to_owned(), architecture, choice }))
}

fn check_name(offset: usize, name: &str) -> Result<(), Problem> {
    let is_name_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte);
    if let Some(index) = name.bytes().position(|byte| !is_name_byte(byte)) {
        let lower = name.to_lowercase();
        let column = offset + name[..index].chars().count() + 1;
        let problem =
            Problem::at(column, "a package name is a-z, 0-9 and `+.-`; give one package a line");
        return Err(if lower.bytes().all(is_name_byte) { problem.nearest(lower) } else { problem });
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
    match name.find(".+") {
        Some(index) => Err(Problem::at(
            offset + index + 1,
            "`.+` would be read as a pattern; give the package's exact name",
        )),
        None => Ok(()),
    }
}

fn check_version(version: &str, at: usize) -> Result<String, Problem> {
    check(version, at, "a version such as `3.11.2-1+b1`", |byte| {
        byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte)
    })?;
    let parsed: debversion::Version = version
        .parse()
        .map_err(|_| Problem::at(at + 1, "is not a Debian version such as `1:2.3-4`"))?;
    if !parsed.upstream_version.starts_with(|first: char| first.is_ascii_digit())
        || version.ends_with('-')
    {
        return Err(Problem::at(
            at + 1,
            "a Debian version begins with a digit and does not end in `-`",
        ));
    }
    Ok(version.to_owned())
}

fn check(
    part: &str,
    at: usize,
    what: &str,
    is_allowed: impl Fn(u8) -> bool,
) -> Result<(), Problem> {
    match part.bytes().position(|byte| !is_allowed(byte)) {
        Some(index) => Err(Problem::at(
            at + part[..index].chars().count() + 1,
            format!("does not belong into {what}"),
        )),
        None if part.is_empty() => Err(Problem::at(at + 1, format!("expected {what}"))),
        None => Ok(()),
    }
}

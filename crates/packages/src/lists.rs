//! The three package lists of a spec, parsed together: limits first, then the errors of all lines
//! at once.

use crate::{
    apt::{self, AptPackage},
    conda::{self, CondaSpec},
    line::{LineError, PackageManager, Problem},
    pip::{self, PipRequirement},
    rules::PackageRules,
};

/// Most lines of one manager.
pub const MAX_LINES: usize = 1_000;
/// Most bytes of all lines together.
pub const MAX_BYTES: usize = 64 * 1024;

/// Parsed packages in the order of their lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PackageLists {
    pub apt: Vec<AptPackage>,
    pub conda: Vec<CondaSpec>,
    pub pip: Vec<PipRequirement>,
}

/// The cause of refused lists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One entry for each refused line.
    #[error("{} package line(s) are refused. The first: {}", .0.len(), .0[0])]
    Lines(Vec<LineError>),
    /// More than [`MAX_LINES`].
    #[error("{manager} has {lines} lines, at most {MAX_LINES} are allowed")]
    TooManyLines {
        manager: PackageManager,
        /// Lines given.
        lines: usize,
    },
    /// More than [`MAX_BYTES`].
    #[error("the package lines have {bytes} bytes, at most {MAX_BYTES} are allowed")]
    TooLarge {
        /// Bytes given.
        bytes: usize,
    },
    /// Only blank lines and comments.
    #[error("there is no package line; give at least one apt, conda or pip line")]
    Empty,
}

impl PackageLists {
    /// Parses every line of every list.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn parse(
        apt: &[String],
        conda: &[String],
        pip: &[String],
        rules: &PackageRules,
    ) -> Result<Self, Refusal> {
        check_limits([
            (PackageManager::Apt, apt),
            (PackageManager::Conda, conda),
            (PackageManager::Pip, pip),
        ])?;

        let mut errors = Vec::new();
        let lists = Self {
            apt: parse_list(PackageManager::Apt, apt, apt::parse, &mut errors),
            conda: parse_list(
                PackageManager::Conda,
                conda,
                |line| conda::parse(line, rules),
                &mut errors,
            ),
            pip: parse_list(PackageManager::Pip, pip, |line| pip::parse(line, rules), &mut errors),
        };

        if !errors.is_empty() {
            return Err(Refusal::Lines(errors));
        }
        if lists == Self::default() {
            return Err(Refusal::Empty);
        }
        Ok(lists)
    }
}

fn check_limits(lists: [(PackageManager, &[String]); 3]) -> Result<(), Refusal> {
    for (manager, lines) in lists {
        if lines.len() > MAX_LINES {
            return Err(Refusal::TooManyLines { manager, lines: lines.len() });
        }
    }

    let bytes: usize = lists.iter().flat_map(|(_, lines)| *lines).map(|line| line.len() + 1).sum();
    if bytes > MAX_BYTES {
        return Err(Refusal::TooLarge { bytes });
    }

    Ok(())
}

/// Parses one list. Refused lines are added to `errors`.
fn parse_list<T>(
    manager: PackageManager,
    lines: &[String],
    parse: impl Fn(&str) -> Result<Option<T>, Problem>,
    errors: &mut Vec<LineError>,
) -> Vec<T> {
    let mut packages = Vec::new();

    for (index, line) in lines.iter().enumerate() {
        match parse(line) {
            Ok(package) => packages.extend(package),
            Err(problem) => errors.push(LineError { manager, line: index + 1, problem }),
        }
    }

    packages
}

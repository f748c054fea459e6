//! The three lists of a spec, parsed together: every error at once, the limits, and nothing dropped.

use crate::{
    apt::{self, AptPackage},
    conda::{self, CondaSpec},
    line::{LineError, Manager, Problem},
    pip::{self, PipRequirement},
};

/// Most lines a manager may have.
pub const MAX_LINES: usize = 1_000;
/// Most bytes that all lines together may have.
pub const MAX_BYTES: usize = 64 * 1024;

/// What a site allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Channels that conda lines may name.
    pub conda_channels: Vec<String>,
    /// Whether `name @ https://…#sha256=…` is allowed.
    pub pip_urls: bool,
}

impl Default for Policy {
    fn default() -> Self {
        let channels =
            ["conda-forge", "defaults", "main", "nvidia", "pytorch", "fastai", "bioconda"];
        Self { conda_channels: channels.map(str::to_owned).to_vec(), pip_urls: true }
    }
}

/// Parsed packages in the order they were given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PackageLists {
    /// Debian packages.
    pub apt: Vec<AptPackage>,
    /// conda MatchSpecs.
    pub conda: Vec<CondaSpec>,
    /// Python requirements.
    pub pip: Vec<PipRequirement>,
}

/// Why lists were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One entry for each refused line.
    #[error("{} package line(s) refused; the first: {}", .0.len(), .0[0])]
    Lines(Vec<LineError>),
    /// Over [`MAX_LINES`].
    #[error("{manager} has {lines} lines, at most {MAX_LINES} are allowed")]
    TooManyLines {
        /// Whose list.
        manager: Manager,
        /// Lines given.
        lines: usize,
    },
    /// Over [`MAX_BYTES`].
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
    pub fn parse(
        apt: &[String],
        conda: &[String],
        pip: &[String],
        policy: &Policy,
    ) -> Result<Self, Refusal> {
        for (manager, lines) in [(Manager::Apt, apt), (Manager::Conda, conda), (Manager::Pip, pip)]
        {
            if lines.len() > MAX_LINES {
                return Err(Refusal::TooManyLines { manager, lines: lines.len() });
            }
        }
        let bytes: usize = [apt, conda, pip].into_iter().flatten().map(|line| line.len() + 1).sum();
        if bytes > MAX_BYTES {
            return Err(Refusal::TooLarge { bytes });
        }
        let mut errors = Vec::new();
        let lists = Self {
            apt: parse_all(Manager::Apt, apt, apt::parse, &mut errors),
            conda: parse_all(Manager::Conda, conda, |line| conda::parse(line, policy), &mut errors),
            pip: parse_all(Manager::Pip, pip, |line| pip::parse(line, policy), &mut errors),
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

fn parse_all<T>(
    manager: Manager,
    lines: &[String],
    parse: impl Fn(&str) -> Result<Option<T>, Problem>,
    errors: &mut Vec<LineError>,
) -> Vec<T> {
    let mut parsed = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match parse(line) {
            Ok(package) => parsed.extend(package),
            Err(problem) => errors.push(LineError { manager, line: index + 1, problem }),
        }
    }
    parsed
}

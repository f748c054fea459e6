//! conda lines: MatchSpec with `channel::`, and leading `-c channel`. Channels are checked on the
//! parsed value.

use std::fmt;

use rattler_conda_types::{MatchSpec, PackageNameMatcher, ParseMatchSpecOptions};

use crate::{
    line::{Problem, refuse_option, strip_comment},
    rules::PackageRules,
};

/// One MatchSpec and the channels to search for it.
#[derive(Debug, Clone, PartialEq)]
pub struct CondaSpec {
    spec: MatchSpec,
    channels: Vec<String>,
}

impl CondaSpec {
    /// Names of the channels given by `-c`, in order.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }
}

impl fmt::Display for CondaSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for channel in &self.channels {
            write!(formatter, "-c {channel} ")?;
        }
        write!(formatter, "{}", self.spec)
    }
}

/// Parses one line. `None` for blank lines and comments.
///
/// # Errors
/// The first problem of the line.
pub fn parse(line: &str, rules: &PackageRules) -> Result<Option<CondaSpec>, Problem> {
    let Some((offset, text)) = strip_comment(line)? else { return Ok(None) };
    let (channels, offset, text) = parse_channels(offset, text, rules)?;

    refuse_option(offset, text)?;
    let column = offset + 1;
    if text.is_empty() {
        return Err(Problem::at(column, "a package must follow the channel"));
    }

    let spec = MatchSpec::from_str(text, ParseMatchSpecOptions::lenient())
        .map_err(|error| Problem::at(column, format!("this is not a conda MatchSpec: {error}")))?;
    check_spec(&spec, text, column, rules)?;

    let parsed_again = MatchSpec::from_str(&spec.to_string(), ParseMatchSpecOptions::lenient());
    if parsed_again.ok().as_ref() != Some(&spec) {
        return Err(Problem::at(
            column,
            "the spec is ambiguous; write it as `name[version='…', build='…']`",
        ));
    }

    Ok(Some(CondaSpec { spec, channels }))
}

/// Parses each leading `-c channel`. Returns the channels, and the rest of the line with its
/// offset.
fn parse_channels<'a>(
    mut offset: usize,
    mut text: &'a str,
    rules: &PackageRules,
) -> Result<(Vec<String>, usize, &'a str), Problem> {
    let mut channels = Vec::new();

    while let Some(rest) = text.strip_prefix("-c ") {
        let rest = rest.trim_start();
        offset += text.len() - rest.len();
        let (channel, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));

        // In `-c conda-forge::numpy` the channel is part of the spec.
        if channel.contains("::") {
            return Ok((channels, offset, rest));
        }

        check_channel(channel, offset, rules)?;
        channels.push(channel.to_owned());

        text = after.trim_start();
        offset += rest.len() - text.len();
    }

    Ok((channels, offset, text))
}

fn check_spec(
    spec: &MatchSpec,
    text: &str,
    column: usize,
    rules: &PackageRules,
) -> Result<(), Problem> {
    check_name(spec, column)?;
    check_keys(spec, column)?;
    check_version(spec, column)?;
    check_characters(text, column)?;

    let Some(channel) = &spec.channel else { return Ok(()) };
    let Some(name) = &channel.name else {
        return Err(Problem::at(column, "a channel is given by name, not by URL"));
    };
    check_channel(name.trim_matches('/'), column - 1, rules)
}

fn check_name(spec: &MatchSpec, column: usize) -> Result<(), Problem> {
    let PackageNameMatcher::Exact(name) = &spec.name else {
        return Err(Problem::at(column, "give the package's exact name, not a pattern"));
    };

    let name = name.as_normalized();
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
    if !is_plain || name.starts_with(['-', '.']) {
        return Err(Problem::at(column, "a package name consists of letters, digits and `._-`"));
    }

    Ok(())
}

/// Refuses keys in `[…]` that would select another package than its name, version and channel do.
fn check_keys(spec: &MatchSpec, column: usize) -> Result<(), Problem> {
    let refused = [
        ("url", spec.url.is_some()),
        ("fn", spec.file_name.is_some()),
        ("namespace", spec.namespace.is_some()),
        ("extras", spec.extras.is_some()),
        ("flags", spec.flags.is_some()),
        ("when", spec.condition.is_some()),
        ("track_features", spec.track_features.is_some()),
        ("license", spec.license.is_some() || spec.license_family.is_some()),
    ];

    if let Some((key, _)) = refused.iter().find(|(_, is_present)| *is_present) {
        return Err(Problem::at(column, format!("the key `{key}` is not allowed")));
    }

    Ok(())
}

fn check_version(spec: &MatchSpec, column: usize) -> Result<(), Problem> {
    let Some(version) = &spec.version else { return Ok(()) };

    let text = version.to_string();
    if !text.contains(|character: char| character.is_ascii_digit() || character == '*') {
        return Err(Problem::at(
            column,
            format!("`{text}` is not a version; give one package per line"),
        ));
    }

    Ok(())
}

/// rattler's lenient mode keeps unusual characters inside build strings.
fn check_characters(text: &str, column: usize) -> Result<(), Problem> {
    let unusual = text
        .bytes()
        .find(|byte| !(byte.is_ascii_alphanumeric() || b" ._-*=<>!~,|:/[]'\"^+()$".contains(byte)));
    if let Some(byte) = unusual {
        return Err(Problem::at(
            column,
            format!("`{}` is not allowed in a MatchSpec", char::from(byte)),
        ));
    }
    if text.contains("$(") {
        return Err(Problem::at(column, "`$(` is not allowed in a MatchSpec"));
    }

    Ok(())
}

fn check_channel(channel: &str, offset: usize, rules: &PackageRules) -> Result<(), Problem> {
    if rules.conda_channels.iter().any(|allowed| allowed == channel) {
        return Ok(());
    }

    Err(Problem::at(
        offset + 1,
        format!(
            "the channel `{}` is not allowed; allowed channels: {}",
            channel.escape_default(),
            rules.conda_channels.join(", ")
        ),
    ))
}

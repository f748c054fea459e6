//! conda lines: MatchSpec with `channel::`, and leading `-c channel`. Channels are judged on the parsed value.

use std::fmt;

use rattler_conda_types::{MatchSpec, PackageNameMatcher, ParseMatchSpecOptions};

use crate::{
    Policy,
    line::{Problem, refuse_option, significant},
};

/// One MatchSpec and the channels to look in for it.
#[derive(Debug, Clone, PartialEq)]
pub struct CondaSpec {
    spec: MatchSpec,
    channels: Vec<String>,
}

impl CondaSpec {
    /// Names of the channels asked for by `-c`, in order.
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

/// `None` for blank lines and comments.
pub fn parse(line: &str, policy: &Policy) -> Result<Option<CondaSpec>, Problem> {
    let Some((mut offset, mut text)) = significant(line)? else { return Ok(None) };
    let mut channels = Vec::new();
    while let Some(rest) = text.strip_prefix("-c ") {
        let rest = rest.trim_start();
        offset += text.len() - rest.len();
        let end = rest.find(' ').unwrap_or(rest.len());
        // `-c conda-forge::numpy` names the channel within the spec.
        if rest[..end].contains("::") {
            text = rest;
            break;
        }
        check_channel(&rest[..end], offset, policy)?;
        channels.push(rest[..end].to_owned());
        let after = rest[end..].trim_start();
        offset += rest.len() - after.len();
        text = after;
    }
    refuse_option(offset, text)?;
    if text.is_empty() {
        return Err(Problem::at(offset + 1, "a package has to follow the channel"));
    }
    let column = offset + 1;
    let spec = MatchSpec::from_str(text, ParseMatchSpecOptions::lenient())
        .map_err(|error| Problem::at(column, format!("is not a conda MatchSpec: {error}")))?;
    check_spec(&spec, text, column, policy)?;
    let back = MatchSpec::from_str(&spec.to_string(), ParseMatchSpecOptions::lenient());
    if back.ok().as_ref() != Some(&spec) {
        return Err(Problem::at(
            column,
            "is ambiguous; write it as `name[version='…', build='…']`",
        ));
    }
    Ok(Some(CondaSpec { spec, channels }))
}

fn check_spec(spec: &MatchSpec, text: &str, column: usize, policy: &Policy) -> Result<(), Problem> {
    let PackageNameMatcher::Exact(name) = &spec.name else {
        return Err(Problem::at(column, "a package has to be named exactly, not by a pattern"));
    };
    let name_is_plain = name
        .as_normalized()
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
    if !name_is_plain || name.as_normalized().starts_with(['-', '.']) {
        return Err(Problem::at(column, "a package name is letters, digits and `._-`"));
    }
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
    if let Some((key, _)) = refused.iter().find(|(_, present)| *present) {
        return Err(Problem::at(column, format!("the key `{key}` is not allowed")));
    }
    if let Some(version) = &spec.version {
        let text = version.to_string();
        if !text.contains(|character: char| character.is_ascii_digit() || character == '*') {
            return Err(Problem::at(
                column,
                format!("`{text}` is not a version; give one package a line"),
            ));
        }
    }
    // rattler's lenient mode keeps odd characters inside build strings.
    let extra = text
        .bytes()
        .find(|byte| !(byte.is_ascii_alphanumeric() || b" ._-*=<>!~,|:/[]'\"^+()$".contains(byte)));
    if let Some(byte) = extra {
        return Err(Problem::at(
            column,
            format!("`{}` does not belong into a MatchSpec", char::from(byte)),
        ));
    }
    if text.contains("$(") {
        return Err(Problem::at(column, "`$(` does not belong into a MatchSpec"));
    }
    match &spec.channel {
        Some(channel) => match &channel.name {
            Some(name) => check_channel(name.trim_matches('/'), column - 1, policy),
            None => Err(Problem::at(column, "a channel is given by name, not by URL")),
        },
        None => Ok(()),
    }
}

fn check_channel(channel: &str, offset: usize, policy: &Policy) -> Result<(), Problem> {
    match policy.conda_channels.iter().any(|allowed| allowed == channel) {
        true => Ok(()),
        false => Err(Problem::at(
            offset + 1,
            format!(
                "channel `{}` is not allowed here; allowed: {}",
                channel.escape_default(),
                policy.conda_channels.join(", ")
            ),
        )),
    }
}

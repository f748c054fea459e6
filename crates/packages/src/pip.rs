//! pip lines: PEP 508 requirements. URLs only over https with a sha256, and only if the
//! configuration allows them.

use std::fmt;

use uv_pep508::{Pep508Error, Requirement, VersionOrUrl};

use crate::{
    line::{Problem, refuse_option, strip_comment},
    rules::PackageRules,
};

/// One PEP 508 requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipRequirement {
    rendered: String,
}

impl fmt::Display for PipRequirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rendered)
    }
}

/// Parses one line. `None` for blank lines and comments.
///
/// # Errors
/// The first problem of the line.
pub fn parse(line: &str, rules: &PackageRules) -> Result<Option<PipRequirement>, Problem> {
    let Some((offset, text)) = strip_comment(line)? else { return Ok(None) };
    refuse_option(offset, text)?;
    let column = |byte: usize| offset + text.get(..byte).unwrap_or(text).chars().count() + 1;

    // The parser expands `${NAME}` from the server's environment.
    if let Some(index) = text.find('$') {
        return Err(Problem::at(column(index), "`$` is not allowed in a requirement"));
    }
    if let Some(index) = text.find(|character: char| !(' '..='~').contains(&character)) {
        return Err(Problem::at(column(index), "a requirement is plain ASCII"));
    }
    if is_path_or_url(text) {
        return Err(Problem::at(
            offset + 1,
            "paths and bare URLs are not requirements; give `name`, or `name @ https://…#sha256=…` \
             if URLs are allowed",
        ));
    }

    let requirement: Requirement<url::Url> =
        text.parse().map_err(|error: Pep508Error<url::Url>| {
            let message = error.message.to_string();
            let first_line = message.lines().next().unwrap_or_default();
            Problem::at(column(error.start), first_line)
        })?;
    if let Some(VersionOrUrl::Url(url)) = &requirement.version_or_url {
        let at_sign = column(text.find('@').unwrap_or(0));
        check_url(url, rules).map_err(|reason| Problem::at(at_sign, reason))?;
    }

    let rendered = requirement.to_string();
    let parsed_again: Result<Requirement<url::Url>, _> = rendered.parse();
    if parsed_again.ok().as_ref() != Some(&requirement) || rendered.contains('\n') {
        return Err(Problem::at(
            offset + 1,
            "the requirement is ambiguous; write it as `name[extras]>=version; marker`",
        ));
    }

    Ok(Some(PipRequirement { rendered }))
}

fn is_path_or_url(text: &str) -> bool {
    text.starts_with("git+")
        || ["http:", "https:", "file:"].iter().any(|scheme| text.starts_with(scheme))
        || text.starts_with(['/', '.'])
}

fn check_url(url: &url::Url, rules: &PackageRules) -> Result<(), &'static str> {
    if !rules.pip_urls {
        return Err("this Slipway does not allow URLs; give a version instead");
    }
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err("a URL must be https, without a user or password");
    }

    let hash = url.fragment().and_then(|fragment| fragment.strip_prefix("sha256="));
    if !hash.is_some_and(is_sha256) {
        return Err("a URL must end in `#sha256=` and 64 hexadecimal digits");
    }

    Ok(())
}

fn is_sha256(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

//! pip lines: PEP 508 requirements. URLs only over https with a sha256, and only where the site allows them.

use std::fmt;

use uv_pep508::{Requirement, VersionOrUrl};

use crate::{
    Policy,
    line::{Problem, refuse_option, significant},
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

/// `None` for blank lines and comments.
pub fn parse(line: &str, policy: &Policy) -> Result<Option<PipRequirement>, Problem> {
    let Some((offset, text)) = significant(line)? else { return Ok(None) };
    refuse_option(offset, text)?;
    let column = |byte: usize| offset + text.get(..byte).unwrap_or(text).chars().count() + 1;
    // The parser expands `${NAME}` from the server's environment.
    if let Some(index) = text.find('$') {
        return Err(Problem::at(column(index), "`$` may not stand in a requirement"));
    }
    if let Some(index) = text.find(|character: char| !(' '..='~').contains(&character)) {
        return Err(Problem::at(column(index), "a requirement is plain ASCII"));
    }
    if text.starts_with("git+")
        || text.starts_with("http") && text.contains("://")
        || text.starts_with("file:")
        || text.starts_with(['/', '.'])
    {
        return Err(Problem::at(
            offset + 1,
            "paths and bare URLs are not requirements; give `name`, or `name @ https://…#sha256=…` where the site allows URLs",
        ));
    }
    let requirement: Requirement<url::Url> =
        text.parse().map_err(|error: uv_pep508::Pep508Error<url::Url>| {
            let reason = error.message.to_string();
            Problem::at(column(error.start), reason.lines().next().unwrap_or_default().to_owned())
        })?;
    if let Some(VersionOrUrl::Url(url)) = &requirement.version_or_url {
        check_url(url, policy)
            .map_err(|reason| Problem::at(column(text.find('@').unwrap_or(0)), reason))?;
    }
    let rendered = requirement.to_string();
    let back: Result<Requirement<url::Url>, _> = rendered.parse();
    if back.ok().as_ref() != Some(&requirement) || rendered.contains('\n') {
        return Err(Problem::at(
            offset + 1,
            "is ambiguous; write it as `name[extras]>=version; marker`",
        ));
    }
    Ok(Some(PipRequirement { rendered }))
}

fn check_url(url: &url::Url, policy: &Policy) -> Result<(), String> {
    if !policy.pip_urls {
        return Err("this site does not allow URLs; give a version instead".to_owned());
    }
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err("a URL has to be https, without a user or password".to_owned());
    }
    match url.fragment().and_then(|fragment| fragment.strip_prefix("sha256=")) {
        Some(hash) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(())
        }
        _ => Err("a URL has to end in `#sha256=` and 64 hexadecimal digits".to_owned()),
    }
}

//! Image references (distribution's reference grammar). Docker short forms are completed and kept completed.

use std::{fmt, str::FromStr};

use crate::digest::Digest;

/// Longest reference in bytes; distribution allows 255 for the name alone.
const MAX_LENGTH: usize = 512;

/// Why a reference was refused, with the nearest valid form where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Nothing there.
    #[error("is empty; give a reference such as `docker.io/library/python:3.12`")]
    Empty,
    /// Too long.
    #[error("has {length} bytes, at most {MAX_LENGTH} are allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
    },
    /// A URL instead of a reference.
    #[error("is a URL; leave the scheme away: `{nearest}`")]
    Url {
        /// Without scheme and trailing `/`.
        nearest: String,
    },
    /// Upper case in the repository.
    #[error("has upper-case letters in its repository; `{nearest}` would be valid")]
    UpperCase {
        /// In lower case.
        nearest: String,
    },
    /// Anything else.
    #[error("is not a valid image reference: {reason}")]
    Grammar {
        /// What the grammar says.
        reason: String,
    },
}

/// `<registry>/<repository>[:tag][@digest]`, complete.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Host and perhaps port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// `registry/repository`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The tag, when one was given or completed.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository at exactly this content.
    #[must_use]
    pub fn at(&self, digest: &Digest) -> Self {
        Self { tag: None, digest: Some(digest.clone()), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(InvalidReference::TooLong { length: text.len() });
        }
        if let Some((_, rest)) = text.split_once("://") {
            return Err(InvalidReference::Url { nearest: rest.trim_matches('/').to_owned() });
        }
        let grammar = |reason: &str| InvalidReference::Grammar { reason: reason.to_owned() };
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@[]".contains(&byte)) {
            return Err(grammar("only letters, digits and `._-/:@` may stand in it"));
        }
        let parsed: oci_spec::distribution::Reference =
            text.parse().map_err(|error: oci_spec::distribution::ParseError| {
                let lower = text.to_lowercase();
                match lower != text && lower.parse::<oci_spec::distribution::Reference>().is_ok() {
                    true => InvalidReference::UpperCase { nearest: lower },
                    false => grammar(&error.to_string()),
                }
            })?;
        let repository = parsed.repository();
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(InvalidReference::UpperCase { nearest: text.to_lowercase() });
        }
        if repository.split('/').any(str::is_empty) || parsed.registry().is_empty() {
            return Err(grammar("a part between two `/` is empty"));
        }
        let digest =
            parsed.digest().map(str::parse).transpose().map_err(|error| {
                InvalidReference::Grammar { reason: format!("its digest {error}") }
            })?;
        let tag = match (parsed.tag(), &digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("latest".to_owned()),
        };
        Ok(Self {
            registry: normal_host(parsed.registry()),
            repository: repository.to_owned(),
            tag,
            digest,
        })
    }
}

/// One spelling for one registry: hosts know no case, and 443 is what is meant without a port.
pub fn normal_host(host: &str) -> String {
    let host = host.to_lowercase();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            match port.trim_start_matches('0') {
                "443" => name.to_owned(),
                port => format!("{name}:{port}"),
            }
        }
        _ => host,
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b";

    #[test]
    fn short_forms_are_completed() {
        let check = |text: &str, want: &str| {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), want)
        };
        check("python", "docker.io/library/python:latest");
        check("python:3.12", "docker.io/library/python:3.12");
        check("team/app", "docker.io/team/app:latest");
        check("localhost:5000/a/b:t", "localhost:5000/a/b:t");
        check("REGISTRY.corp:05000/a/b:t", "registry.corp:5000/a/b:t");
        check("Registry.corp:443/a/b:t", "registry.corp/a/b:t");
        check(&format!("ghcr.io/o/i@{DIGEST}"), &format!("ghcr.io/o/i@{DIGEST}"));
        check(&format!("ghcr.io/o/i:v1@{DIGEST}"), &format!("ghcr.io/o/i:v1@{DIGEST}"));
    }

    #[test]
    fn refusals_name_the_nearest_form() {
        let check = |text: &str, want: &str| {
            let message = text.parse::<Reference>().unwrap_err().to_string();
            assert!(message.contains(want), "{text:?}: {message}");
        };
        check("", "is empty");
        check("https://docker.io/library/python:3.12", "`docker.io/library/python:3.12`");
        check("docker.io/Library/Python:3.12", "`docker.io/library/python:3.12`");
        check("a b", "only letters");
        check("$(id)", "only letters");
        check("a:b:c", "not a valid");
        check("reg.io/x@sha256:abc", "not a valid");
        check("reg.io//x", "not a valid");
        check("-flag", "not a valid");
        check(&"x".repeat(600), "at most 512");
    }

    proptest! {
        #[test]
        fn what_parses_comes_back(text in "[a-zA-Z0-9._/:@-]{0,60}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
            }
        }
    }
}

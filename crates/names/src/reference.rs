//! Image references (distribution's reference grammar). A name of one part, such as `python`, is
//! completed as Docker does and kept in the complete form.

use std::{fmt, str::FromStr};

use oci_spec::distribution::{ParseError, Reference as OciReference};

use crate::digest::Digest;

/// Longest reference in bytes; distribution allows 255 for the name alone.
const MAX_LENGTH: usize = 512;

/// The cause of a refused reference, with the nearest valid form where there is one. The text
/// follows the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    #[error("is empty; give a reference such as `docker.io/library/python:3.12`")]
    Empty,
    /// Longer than 512 bytes.
    #[error("has {length} bytes, at most {MAX_LENGTH} are allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
    },
    /// A URL instead of a reference.
    #[error("is a URL; give it without the scheme: `{nearest}`")]
    Url {
        /// The text without scheme and trailing `/`.
        nearest: String,
    },
    /// Upper case in the repository.
    #[error("has upper-case letters in its repository; `{nearest}` would be valid")]
    UpperCase {
        /// The text in lower case.
        nearest: String,
    },
    /// Several parts without a host: a repository of Docker Hub, or an image of the catalog.
    #[error(
        "has no registry; write `{nearest}` for an image of Docker Hub. For an image of the \
         catalog, give the reference that `slipway image resolve` prints"
    )]
    NoRegistry {
        /// The text with the registry of Docker Hub.
        nearest: String,
    },
    /// Any other violation of the grammar.
    #[error("is not a valid image reference: {reason}")]
    Grammar {
        /// The violated rule.
        reason: String,
    },
}

impl InvalidReference {
    fn grammar(reason: impl Into<String>) -> Self {
        Self::Grammar { reason: reason.into() }
    }
}

/// A complete reference: `<registry>/<repository>[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Host and optional port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The digest, if the reference was given with one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository pinned to a digest, without a tag.
    #[must_use]
    pub fn at(&self, digest: &Digest) -> Self {
        Self { tag: None, digest: Some(digest.clone()), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        check_text(text)?;
        let parsed: OciReference = text.parse().map_err(|error| refusal(text, &error))?;
        check_repository(text, &parsed)?;
        check_registry(text)?;

        let digest = match parsed.digest() {
            Some(digest) => Some(
                digest
                    .parse()
                    .map_err(|error| InvalidReference::grammar(format!("its digest {error}")))?,
            ),
            None => None,
        };
        let tag = match parsed.tag() {
            Some(tag) => Some(tag.to_owned()),
            None if digest.is_some() => None,
            None => Some("latest".to_owned()),
        };

        Ok(Self {
            registry: normalize_host(parsed.registry()),
            repository: parsed.repository().to_owned(),
            tag,
            digest,
        })
    }
}

/// Checks that need no parser.
fn check_text(text: &str) -> Result<(), InvalidReference> {
    if text.is_empty() {
        return Err(InvalidReference::Empty);
    }
    if text.len() > MAX_LENGTH {
        return Err(InvalidReference::TooLong { length: text.len() });
    }

    if let Some((_, rest)) = text.split_once("://") {
        return Err(InvalidReference::Url { nearest: rest.trim_matches('/').to_owned() });
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@[]".contains(&byte)) {
        return Err(InvalidReference::grammar("only letters, digits and `._-/:@` are allowed"));
    }

    Ok(())
}

/// The refusal of a text that does not parse.
fn refusal(text: &str, error: &ParseError) -> InvalidReference {
    let lower = text.to_lowercase();
    if lower != text && lower.parse::<OciReference>().is_ok() {
        return InvalidReference::UpperCase { nearest: lower };
    }

    InvalidReference::grammar(error.to_string())
}

/// Refuses what the parser accepts in a repository and distribution's grammar does not.
fn check_repository(text: &str, parsed: &OciReference) -> Result<(), InvalidReference> {
    let repository = parsed.repository();
    if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(InvalidReference::UpperCase { nearest: text.to_lowercase() });
    }
    if repository.split('/').any(str::is_empty) || parsed.registry().is_empty() {
        return Err(InvalidReference::grammar("a part between two `/` is empty"));
    }

    Ok(())
}

/// Refuses a name of several parts whose first is no host. Docker would look for it at Docker Hub,
/// but here it is more often the name of an image of the catalog.
fn check_registry(text: &str) -> Result<(), InvalidReference> {
    let Some((first, _)) = text.split_once('/') else { return Ok(()) };
    if first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost") {
        return Ok(());
    }

    Err(InvalidReference::NoRegistry { nearest: format!("docker.io/{text}") })
}

/// The canonical spelling of a registry's host: lower case, and without the default port 443,
/// which only makes a name without a dot a host.
pub fn normalize_host(host: &str) -> String {
    let host = host.to_lowercase();
    let Some((name, port)) = host.rsplit_once(':') else { return host };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return host;
    }

    match port.trim_start_matches('0') {
        "443" if name.contains('.') || name == "localhost" => name.to_owned(),
        port => format!("{name}:{port}"),
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
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), want);
        };

        check("python", "docker.io/library/python:latest");
        check("python:3.12", "docker.io/library/python:3.12");
        check("localhost:5000/a/b:t", "localhost:5000/a/b:t");
        check("REGISTRY.corp:05000/a/b:t", "registry.corp:5000/a/b:t");
        check("Registry.corp:443/a/b:t", "registry.corp/a/b:t");
        check("registry:443/a/b:t", "registry:443/a/b:t");
        check(&format!("ghcr.io/o/i@{DIGEST}"), &format!("ghcr.io/o/i@{DIGEST}"));
        check(&format!("ghcr.io/o/i:v1@{DIGEST}"), &format!("ghcr.io/o/i:v1@{DIGEST}"));
    }

    #[test]
    fn refused_reference_names_the_nearest_valid_form() {
        let check = |text: &str, want: &str| {
            let message = text.parse::<Reference>().unwrap_err().to_string();
            assert!(message.contains(want), "{text:?}: {message}");
        };

        check("", "is empty");
        check("https://docker.io/library/python:3.12", "`docker.io/library/python:3.12`");
        check("docker.io/Library/Python:3.12", "`docker.io/library/python:3.12`");
        check("vision/torch", "`docker.io/vision/torch`");
        check("vision/torch:1", "`docker.io/vision/torch:1`");
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
        fn formatted_reference_parses_to_the_same_value(text in "[a-zA-Z0-9._/:@-]{0,60}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
            }
        }
    }
}

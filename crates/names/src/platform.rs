//! The platform of a container image: `os/architecture[/variant]` (OCI image index, platform).

use std::{fmt, str::FromStr};

/// The text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not `os/architecture`, such as `linux/amd64`")]
pub struct InvalidPlatform;

/// Operating system, architecture and an optional variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform(String);

impl Platform {
    /// The default platform of nodes and builders.
    pub fn linux_amd64() -> Self {
        Self("linux/amd64".to_owned())
    }

    /// `os/architecture[/variant]`
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let parts: Vec<&str> = text.split('/').collect();
        if !(2..=3).contains(&parts.len()) || !parts.into_iter().all(is_valid_part) {
            return Err(InvalidPlatform);
        }

        Ok(Self(text.to_owned()))
    }
}

fn is_valid_part(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

//! Names of images and groups, and who owns an image. Grammar: `[a-z0-9]+([.-][a-z0-9]+)*`, at most 63 bytes.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Longest slug in bytes.
pub const MAX_LENGTH: usize = 63;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing there.
    #[error("is empty; give 1 to 63 of a-z, 0-9, with single `.` or `-` between them")]
    Empty,
    /// Over [`MAX_LENGTH`].
    #[error("has {length} characters, at most {MAX_LENGTH} are allowed")]
    TooLong {
        /// Characters given.
        length: usize,
    },
    /// Outside the grammar.
    #[error("must be a-z and 0-9 with single `.` or `-` between them; `{nearest}` would do")]
    Grammar {
        /// What [`Slug::derive`] makes of it.
        nearest: Slug,
    },
    /// Ids and names share fields, so a name must not look like an id.
    #[error("reads as a UUID, which is kept for ids")]
    LooksLikeId,
    /// Kept for Slipway's own use.
    #[error("`{0}` is reserved")]
    Reserved(String),
    /// No `/` between owner and name.
    #[error("must be `<owner>/<name>`, such as `system/python` or `vision/torch`")]
    NotQualified,
}

/// The name of an image within its owner, or of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

impl Slug {
    /// Lower-cased; each run of other characters becomes `-`; ends trimmed; `image` if nothing is left.
    pub fn derive(text: &str) -> Self {
        let mut slug = String::new();
        for character in text.to_lowercase().chars() {
            if character.is_ascii_lowercase() || character.is_ascii_digit() {
                slug.push(character);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(MAX_LENGTH);
        let slug = slug.trim_matches('-');
        Self(if slug.is_empty() || Uuid::try_parse(slug).is_ok() {
            "image".to_owned()
        } else {
            slug.to_owned()
        })
    }

    /// The same name made different by a suffix, within [`MAX_LENGTH`].
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let room = MAX_LENGTH - suffix.len() - 1;
        let stem = self.0[..self.0.len().min(room)].trim_end_matches(['-', '.']);
        Self(format!("{stem}-{suffix}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A group's name: the same grammar, and not one of the reserved words.
    pub fn group(text: &str) -> Result<Self, InvalidName> {
        match text {
            "system" | "slipway" => Err(InvalidName::Reserved(text.to_owned())),
            _ => text.parse(),
        }
    }
}

impl FromStr for Slug {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(InvalidName::TooLong { length: text.chars().count() });
        }
        let part_is_valid = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !text.split(['.', '-']).all(part_is_valid) {
            return Err(InvalidName::Grammar { nearest: Self::derive(text) });
        }
        if Uuid::try_parse(text).is_ok() {
            return Err(InvalidName::LooksLikeId);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `<owner>/<name>`: how people address an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QualifiedName {
    /// `system`, or a group's name.
    pub owner: Slug,
    /// Unique within the owner.
    pub name: Slug,
}

impl FromStr for QualifiedName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (owner, name) = text.split_once('/').ok_or(InvalidName::NotQualified)?;
        Ok(Self { owner: owner.parse()?, name: name.parse()? })
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn grammar() {
        let check =
            |text: &str, want: bool| assert_eq!(text.parse::<Slug>().is_ok(), want, "{text:?}");
        for text in ["a", "py3", "python-3.12", "a.b-c", &"x".repeat(63)] {
            check(text, true);
        }
        for text in [
            "",
            "A",
            "a_b",
            "-a",
            "a-",
            "a..b",
            "a--b",
            "a/b",
            "ä",
            &"x".repeat(64),
            "0192a5c0-7b1e-7cc1-8f5e-2f6d7a1b3c4d",
        ] {
            check(text, false);
        }
        assert!(Slug::group("system").is_err());
    }

    #[test]
    fn derived_names() {
        let check = |text: &str, want: &str| assert_eq!(Slug::derive(text).as_str(), want);
        check("PyTorch 2.1 (CUDA)", "pytorch-2-1-cuda");
        check("  !!  ", "image");
        check("数据", "image");
    }

    proptest! {
        #[test]
        fn derived_names_are_valid(text in ".{0,200}") {
            let slug = Slug::derive(&text);
            prop_assert_eq!(slug.as_str().parse::<Slug>(), Ok(slug.clone()));
            let longer = slug.with_suffix("a1b2");
            prop_assert!(longer.as_str().parse::<Slug>().is_ok());
        }
    }
}

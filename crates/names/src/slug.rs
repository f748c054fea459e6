//! Names of images and groups. Grammar: `[a-z0-9]+([.-][a-z0-9]+)*`, at most 63 bytes.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Longest slug in bytes.
pub const MAX_LENGTH: usize = 63;

/// The cause of a refused name. The text follows the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error("is empty; give 1 to 63 of a-z, 0-9, with single `.` or `-` between them")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error("has {length} bytes, at most {MAX_LENGTH} are allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
    },
    /// The name is outside the grammar.
    #[error("must be a-z and 0-9 with single `.` or `-` between them; `{nearest}` would be valid")]
    Grammar {
        /// The result of [`Slug::derive`].
        nearest: Slug,
    },
    /// Ids and names share fields, so a name must not look like an id.
    #[error("is a UUID, and UUIDs are reserved for ids; give another name")]
    LooksLikeId,
    /// Reserved for Slipway.
    #[error("`{0}` is reserved; give another name")]
    Reserved(String),
}

/// The name of an image within its owner, or of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

impl Slug {
    /// Derives a valid name from any text: lower-cased, each run of other characters becomes `-`,
    /// the ends are trimmed, and `image` if nothing is left.
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
        if slug.is_empty() || Uuid::try_parse(slug).is_ok() {
            return Self("image".to_owned());
        }

        Self(slug.to_owned())
    }

    /// The name with `-<suffix>` appended, shortened so that it stays within [`MAX_LENGTH`].
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let room = MAX_LENGTH - suffix.len() - 1;
        let stem = self.0[..self.0.len().min(room)].trim_end_matches(['-', '.']);

        Self(format!("{stem}-{suffix}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses a group's name: the same grammar, without the reserved names `system` and `slipway`.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn parse_group_name(text: &str) -> Result<Self, InvalidName> {
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
            return Err(InvalidName::TooLong { length: text.len() });
        }

        if !text.split(['.', '-']).all(is_valid_part) {
            return Err(InvalidName::Grammar { nearest: Self::derive(text) });
        }
        if Uuid::try_parse(text).is_ok() {
            return Err(InvalidName::LooksLikeId);
        }

        Ok(Self(text.to_owned()))
    }
}

fn is_valid_part(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl fmt::Display for Slug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, is_valid: bool) {
        assert_eq!(text.parse::<Slug>().is_ok(), is_valid, "{text:?}");
    }

    #[test]
    fn names_inside_the_grammar_parse() {
        for text in ["a", "py3", "python-3.12", "a.b-c", &"x".repeat(63)] {
            check(text, true);
        }
    }

    #[test]
    fn names_outside_the_grammar_are_refused() {
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

        assert!(Slug::parse_group_name("system").is_err());
    }

    #[test]
    fn derived_names_keep_letters_and_digits() {
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

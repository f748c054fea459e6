//! Numbers of an image's revisions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Not a number, or below 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{number}` is not a revision number: they begin with 1")]
pub struct InvalidRevisionNumber {
    number: String,
}

/// The number of a revision among those of its image: 1, 2, 3 …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "sea-orm", derive(sea_orm::DeriveValueType))]
#[cfg_attr(feature = "sea-orm", sea_orm(try_from_u64))]
#[serde(try_from = "i32", into = "i32")]
pub struct RevisionNumber(i32);

impl RevisionNumber {
    pub const FIRST: Self = Self(1);

    /// The plain number, at least 1.
    pub const fn get(self) -> i32 {
        self.0
    }

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl TryFrom<i32> for RevisionNumber {
    type Error = InvalidRevisionNumber;

    fn try_from(number: i32) -> Result<Self, InvalidRevisionNumber> {
        if number < 1 {
            Err(InvalidRevisionNumber { number: number.to_string() })
        } else {
            Ok(Self(number))
        }
    }
}

impl FromStr for RevisionNumber {
    type Err = InvalidRevisionNumber;

    fn from_str(text: &str) -> Result<Self, InvalidRevisionNumber> {
        let invalid = |_| InvalidRevisionNumber { number: text.to_owned() };
        text.parse::<i32>().map_err(invalid)?.try_into()
    }
}

impl From<RevisionNumber> for i32 {
    fn from(number: RevisionNumber) -> Self {
        number.0
    }
}

impl fmt::Display for RevisionNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_one() {
        assert_eq!("1".parse(), Ok(RevisionNumber::FIRST));
        assert_eq!(RevisionNumber::try_from(2), Ok(RevisionNumber::FIRST.next()));

        for text in ["0", "-1", "", "one", "99999999999"] {
            let number = text.to_owned();
            assert_eq!(text.parse::<RevisionNumber>(), Err(InvalidRevisionNumber { number }));
        }
    }
}

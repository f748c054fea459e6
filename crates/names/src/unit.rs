//! Times, sizes and counters. All are stored as a 64-bit signed integer.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A counter or a size below zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{number}` is negative")]
pub struct Negative {
    number: i64,
}

/// The size does not fit into 63 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{bytes}` bytes are more than can be counted")]
pub struct TooLarge {
    bytes: u64,
}

/// A time, in microseconds since the Unix epoch. It sorts the same in every database.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "sea-orm", derive(sea_orm::DeriveValueType))]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// The time between `earlier` and this time; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}

/// A part of a microsecond is rounded towards the past.
impl From<DateTime<Utc>> for Micros {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

/// A time outside chrono's range, about 262,000 years around the epoch, becomes the end of that
/// range.
impl From<Micros> for DateTime<Utc> {
    fn from(time: Micros) -> Self {
        let end_of_range = if time.0 < 0 { Self::MIN_UTC } else { Self::MAX_UTC };
        Self::from_timestamp_micros(time.0).unwrap_or(end_of_range)
    }
}

/// Saturates; a part of a microsecond is dropped.
impl Add<Duration> for Micros {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_micros(duration)))
    }
}

/// Saturates; a part of a microsecond is dropped.
impl Sub<Duration> for Micros {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_micros(duration)))
    }
}

/// At most `i64::MAX`, which is 292,000 years.
fn whole_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The number without a unit.
impl fmt::Display for Micros {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

macro_rules! counter {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        #[derive(Serialize, Deserialize)]
        #[cfg_attr(feature = "sea-orm", derive(sea_orm::DeriveValueType))]
        #[cfg_attr(feature = "sea-orm", sea_orm(try_from_u64))]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name(i64);

        impl $name {
            pub const ZERO: Self = Self(0);

            /// The plain number, never negative.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = Negative;

            fn try_from(number: i64) -> Result<Self, Negative> {
                if number < 0 { Err(Negative { number }) } else { Ok(Self(number)) }
            }
        }

        impl From<$name> for i64 {
            fn from(counter: $name) -> Self {
                counter.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )*};
}

counter!(
    /// The number of an event among those of its subject, counted from 1. [`Sequence::ZERO`]
    /// precedes the first event.
    Sequence,
    /// Permission's count of the changes of grants and memberships. [`PolicyVersion::ZERO`]
    /// precedes the first change.
    PolicyVersion,
    /// The place of an event in the log of its service, counted from 1. [`LogPosition::ZERO`]
    /// precedes the first event.
    LogPosition,
    /// A size in bytes.
    ByteCount,
);

impl Sequence {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl LogPosition {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl PolicyVersion {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl ByteCount {
    pub const MAX: Self = Self(i64::MAX);

    /// Units of 2²⁰ bytes.
    pub const fn mebibytes(count: u32) -> Self {
        Self((count as i64) << 20)
    }

    /// Units of 2³⁰ bytes.
    pub const fn gibibytes(count: u32) -> Self {
        Self((count as i64) << 30)
    }

    /// The size of a buffer.
    pub const fn of(buffer: &[u8]) -> Self {
        // No buffer has more than `isize::MAX` bytes.
        Self(buffer.len() as i64)
    }
}

/// Saturates.
impl Add for ByteCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl TryFrom<u64> for ByteCount {
    type Error = TooLarge;

    fn try_from(bytes: u64) -> Result<Self, TooLarge> {
        i64::try_from(bytes).map(Self).map_err(|_| TooLarge { bytes })
    }
}

impl From<ByteCount> for u64 {
    fn from(size: ByteCount) -> Self {
        size.0.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_converts_to_chrono_and_back() {
        check_conversion(0, "1970-01-01T00:00:00Z");
        check_conversion(-1, "1969-12-31T23:59:59.999999Z");
        check_conversion(1_700_000_000_000_001, "2023-11-14T22:13:20.000001Z");
    }

    fn check_conversion(micros: i64, want: &str) {
        let time = DateTime::<Utc>::from(Micros(micros));
        assert_eq!(time, want.parse::<DateTime<Utc>>().unwrap());
        assert_eq!(Micros::from(time), Micros(micros));
    }

    #[test]
    fn time_outside_chronos_range_becomes_its_end() {
        assert_eq!(DateTime::from(Micros(i64::MAX)), DateTime::<Utc>::MAX_UTC);
        assert_eq!(DateTime::from(Micros(i64::MIN)), DateTime::<Utc>::MIN_UTC);
    }

    #[test]
    fn time_arithmetic_saturates() {
        let second = Duration::from_secs(1);

        assert_eq!(Micros(5) + second, Micros(1_000_005));
        assert_eq!(Micros(5) - second, Micros(-999_995));
        assert_eq!(Micros(i64::MAX) + second, Micros(i64::MAX));
        assert_eq!(Micros(0) + Duration::MAX, Micros(i64::MAX));
        assert_eq!(Micros(i64::MIN) - second, Micros(i64::MIN));

        assert_eq!(Micros(1_000_005).since(Micros(5)), second);
        assert_eq!(Micros(5).since(Micros(6)), Duration::ZERO);
        assert_eq!(Micros(i64::MIN).since(Micros(i64::MAX)), Duration::ZERO);
    }

    #[test]
    fn negative_counter_is_refused() {
        assert_eq!(Sequence::try_from(-1), Err(Negative { number: -1 }));
        assert_eq!(Sequence::try_from(0), Ok(Sequence::ZERO));
        assert_eq!(Sequence::try_from(1), Ok(Sequence::ZERO.next()));

        let message = ByteCount::try_from(-5_i64).unwrap_err().to_string();
        assert_eq!(message, "`-5` is negative");
        assert_eq!(ByteCount::try_from(u64::MAX), Err(TooLarge { bytes: u64::MAX }));
    }

    #[test]
    fn sizes_of_buffers_add_up_and_saturate() {
        assert_eq!(ByteCount::of(b"abc") + ByteCount::of(b"de"), ByteCount::of(b"abcde"));
        assert_eq!(ByteCount::mebibytes(1_024), ByteCount::gibibytes(1));

        let largest = ByteCount::MAX;
        assert_eq!(largest + ByteCount::of(b"x"), largest);
    }
}

//! Times as the tables hold them.

use chrono::{DateTime, Utc};

/// Microseconds since the Unix epoch.
pub fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// The time of [`micros`]; times outside chrono's range become the epoch.
pub fn from_micros(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

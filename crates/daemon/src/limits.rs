//! Limits on what callers may use of one process.

use anyhow::ensure;
use serde::{Deserialize, Serialize};

/// Limits of one gRPC listener, section `limits` of every service's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Concurrent calls of the process. A stream counts while it is open.
    pub calls: usize,
    /// Concurrent calls of one user.
    pub calls_per_caller: usize,
    /// Bytes of one request, at most [`Limits::LARGEST_MESSAGE`].
    pub message_bytes: usize,
    /// Bytes of one call's headers, including 32 for each header (RFC 9113, section 6.5.2).
    pub header_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 2_048,
            calls_per_caller: 64,
            message_bytes: Self::LARGEST_MESSAGE,
            header_bytes: 16 * 1024,
        }
    }
}

impl Limits {
    /// The largest message that the generated servers decode, in bytes.
    pub const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;

    /// Rejects limits under which no call could be answered, and messages that are too large.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let positive = [
            ("calls", self.calls > 0),
            ("calls_per_caller", self.calls_per_caller > 0),
            ("message_bytes", self.message_bytes > 0),
            ("header_bytes", self.header_bytes > 0),
        ];

        for (name, is_positive) in positive {
            ensure!(
                is_positive,
                "configuration: `limits.{name}` is 0, so no call could be answered; \
                 remove the key to use the default"
            );
        }
        ensure!(
            self.message_bytes <= Self::LARGEST_MESSAGE,
            "configuration: `limits.message_bytes` is {}; the maximum is {}",
            self.message_bytes,
            Self::LARGEST_MESSAGE
        );

        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    fn check(limits: Limits) -> Result<(), String> {
        limits.check().map_err(|error| error.to_string())
    }

    #[test]
    fn limits_that_are_zero_or_too_large_are_rejected() {
        assert_eq!(check(Limits::default()), Ok(()));

        let error = check(Limits { calls: 0, ..Limits::default() }).unwrap_err();
        assert!(error.contains("limits.calls`"), "{error}");

        let message_bytes = Limits::LARGEST_MESSAGE + 1;
        let error = check(Limits { message_bytes, ..Limits::default() }).unwrap_err();
        assert!(error.contains("limits.message_bytes"), "{error}");
    }
}

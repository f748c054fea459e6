//! What one process takes from its callers, so that none of them can take it all.

use anyhow::ensure;
use serde::{Deserialize, Serialize};

/// Limits of one gRPC listener, section `limits` of every service's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls at once; a stream counts while it is open.
    pub calls: usize,
    /// The same, of one user.
    pub calls_per_caller: usize,
    /// Bytes of one request; at most [`Limits::LARGEST_MESSAGE`].
    pub message_bytes: usize,
    /// Calls at once over one connection; more wait at the client.
    pub streams_per_connection: u32,
    /// Bytes of the headers of one call, with the 32 that each entry costs (RFC 9113, section 6.5.2).
    pub header_bytes: u32,
    /// Calls of a connection that its client took back before they were looked at; one more closes it (CVE-2023-44487).
    pub pending_resets: usize,
    /// Calls of a connection that were reset here because the client broke HTTP/2; one more closes it (CVE-2025-8671).
    pub local_resets: usize,
    /// Seconds of silence after which a client is asked whether it is there.
    pub keep_alive_seconds: u64,
    /// Seconds that it has to say so.
    pub keep_alive_timeout_seconds: u64,
    /// Seconds after which a client is told to connect anew, so that it finds new replicas; its calls end as they would.
    pub connection_age_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 2_048,
            calls_per_caller: 64,
            message_bytes: Self::LARGEST_MESSAGE,
            streams_per_connection: 256,
            header_bytes: 16 * 1024,
            pending_resets: 32,
            local_resets: 64,
            keep_alive_seconds: 30,
            keep_alive_timeout_seconds: 10,
            connection_age_seconds: 1_800,
        }
    }
}

impl Limits {
    /// What generated servers decode at most, in bytes.
    pub const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;

    /// Refuses limits under which nothing could be answered.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let positive = [
            ("calls", self.calls > 0),
            ("calls_per_caller", self.calls_per_caller > 0),
            ("message_bytes", self.message_bytes > 0),
            ("streams_per_connection", self.streams_per_connection > 0),
            ("header_bytes", self.header_bytes > 0),
            ("keep_alive_seconds", self.keep_alive_seconds > 0),
            ("keep_alive_timeout_seconds", self.keep_alive_timeout_seconds > 0),
            ("connection_age_seconds", self.connection_age_seconds > 0),
        ];
        for (name, is_positive) in positive {
            ensure!(
                is_positive,
                "configuration: `limits.{name}` is 0, so that nothing could be answered; leave it out for the default"
            );
        }
        ensure!(
            self.message_bytes <= Self::LARGEST_MESSAGE,
            "configuration: `limits.message_bytes` is at most {}",
            Self::LARGEST_MESSAGE
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn what_answers_nothing_is_refused() {
        let refusal = |limits: Limits| limits.check().map_err(|error| error.to_string());
        assert_eq!(refusal(Limits::default()), Ok(()));
        assert!(
            refusal(Limits { calls: 0, ..Limits::default() })
                .unwrap_err()
                .contains("limits.calls`")
        );
        let large = Limits { message_bytes: Limits::LARGEST_MESSAGE + 1, ..Limits::default() };
        assert!(refusal(large).unwrap_err().contains("limits.message_bytes"));
    }
}

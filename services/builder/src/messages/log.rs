//! Logs on the wire.

use slipway_wire::builder::v1 as wire;

use crate::domain::log::LogChunk;

impl From<LogChunk> for wire::StreamBuildLogsResponse {
    fn from(chunk: LogChunk) -> Self {
        Self {
            cursor: chunk.end().to_string(),
            attempt: chunk.start.attempt.0,
            step: chunk.step.to_string(),
            data: chunk.data,
        }
    }
}

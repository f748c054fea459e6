//! The CloudEvents envelope (CloudEvents 1.0, JSON event format 3).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Unique; the same again after a crash.
    pub id: Uuid,
    /// `<service>.<noun>.<event>`; also the routing key.
    pub kind: String,
    /// The service that says it.
    pub source: String,
    /// Id of what it is about.
    pub subject: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// 1, 2, 3 … within the subject.
    pub sequence: i64,
    /// W3C trace context; may be empty.
    pub traceparent: String,
    /// proto3 JSON of the message in `proto/`.
    pub data: Value,
}

/// The bytes are no envelope of ours.
#[derive(Debug, thiserror::Error)]
#[error("not a CloudEvent of Slipway: {0}")]
pub struct InvalidEnvelope(String);

#[derive(Serialize, Deserialize)]
struct Wire {
    specversion: String,
    id: Uuid,
    r#type: String,
    source: String,
    subject: String,
    time: DateTime<Utc>,
    datacontenttype: String,
    dataschemaversion: i32,
    // CloudEvents extension attributes of 64 bits are strings.
    sequence: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    traceparent: String,
    data: Value,
}

impl Envelope {
    /// Media type of [`Envelope::encode`].
    pub const CONTENT_TYPE: &str = "application/cloudevents+json";
    /// `datacontenttype`: media type of [`Envelope::data`].
    pub const DATA_CONTENT_TYPE: &str = "application/json";
    /// `dataschemaversion`: version of the data's shape; a consumer dead-letters what it does not know.
    pub const SCHEMA_VERSION: i32 = 1;

    /// As it stands on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            specversion: "1.0".to_owned(),
            id: self.id,
            r#type: self.kind.clone(),
            source: format!("/slipway/{}", self.source),
            subject: self.subject.clone(),
            time: self.time,
            datacontenttype: Self::DATA_CONTENT_TYPE.to_owned(),
            dataschemaversion: Self::SCHEMA_VERSION,
            sequence: self.sequence.to_string(),
            traceparent: self.traceparent.clone(),
            data: self.data.clone(),
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Parses what came over the wire.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidEnvelope> {
        let wire: Wire =
            serde_json::from_slice(bytes).map_err(|error| InvalidEnvelope(error.to_string()))?;
        if wire.specversion != "1.0" || wire.dataschemaversion != Self::SCHEMA_VERSION {
            return Err(InvalidEnvelope(format!(
                "version {} of data version {}",
                wire.specversion, wire.dataschemaversion
            )));
        }
        Ok(Self {
            id: wire.id,
            kind: wire.r#type,
            source: wire.source.trim_start_matches("/slipway/").to_owned(),
            subject: wire.subject,
            time: wire.time,
            sequence: wire
                .sequence
                .parse()
                .map_err(|_| InvalidEnvelope("sequence is not a number".to_owned()))?,
            traceparent: wire.traceparent,
            data: wire.data,
        })
    }
}

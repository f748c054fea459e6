//! The CloudEvents envelope (CloudEvents 1.0; JSON event format, section 3).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use slipway_names::unit::Sequence;
use uuid::Uuid;

const SPEC_VERSION: &str = "1.0";
const SOURCE_PREFIX: &str = "/slipway/";

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Unique; a message that is published again keeps its id.
    pub id: Uuid,
    /// `<service>.<noun>.<event>`; also the routing key.
    pub event_type: String,
    /// The name of the publishing service.
    pub source: String,
    /// The id of the object that the message is about.
    pub subject: String,
    /// The time of the change.
    pub time: DateTime<Utc>,
    /// The number of the message within its subject.
    pub sequence: Sequence,
    /// W3C trace context; may be empty.
    pub traceparent: String,
    /// proto3 JSON of the message in `proto/`.
    pub data: Value,
}

/// The bytes are not a Slipway envelope.
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
    // A string, because integers of CloudEvents attributes have 32 bits.
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
    /// `dataschemaversion`: version of the data's format. Consumers dead-letter other versions.
    pub const SCHEMA_VERSION: i32 = 1;

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            specversion: SPEC_VERSION.to_owned(),
            id: self.id,
            r#type: self.event_type.clone(),
            source: format!("{SOURCE_PREFIX}{}", self.source),
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

    /// Parses the bytes of [`Envelope::encode`].
    ///
    /// # Errors
    /// [`InvalidEnvelope`] for other bytes, and for another `specversion` or `dataschemaversion`.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidEnvelope> {
        let wire: Wire =
            serde_json::from_slice(bytes).map_err(|error| InvalidEnvelope(error.to_string()))?;

        if wire.specversion != SPEC_VERSION || wire.dataschemaversion != Self::SCHEMA_VERSION {
            return Err(InvalidEnvelope(format!(
                "specversion is {} and dataschemaversion is {}",
                wire.specversion, wire.dataschemaversion
            )));
        }
        let sequence = wire
            .sequence
            .parse()
            .ok()
            .and_then(|number: i64| Sequence::try_from(number).ok())
            .ok_or_else(|| InvalidEnvelope("sequence is not a number from 0".to_owned()))?;

        Ok(Self {
            id: wire.id,
            event_type: wire.r#type,
            source: wire.source.trim_start_matches(SOURCE_PREFIX).to_owned(),
            subject: wire.subject,
            time: wire.time,
            sequence,
            traceparent: wire.traceparent,
            data: wire.data,
        })
    }
}

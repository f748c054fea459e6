//! A handler that records its messages, and messages for it.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use slipway_broker::{Envelope, Handler};
use slipway_fault::{Fault, Reason};
use uuid::Uuid;

pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Records every delivery. The message's `outcome` decides what the handler returns.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Envelope>>);

impl Recorder {
    pub(crate) fn of(&self, subject: &str) -> Vec<Envelope> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|envelope| envelope.subject == subject).cloned().collect()
    }

    pub(crate) async fn wait_for(&self, subject: &str, count: usize) -> Vec<Envelope> {
        let reached = async {
            while self.of(subject).len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(WAIT_TIMEOUT, reached).await.unwrap_or_else(|_| {
            panic!("{count} deliveries of {subject}, got {}", self.of(subject).len())
        });

        self.of(subject)
    }

    /// Returns the number of deliveries of this message so far.
    fn record(&self, envelope: &Envelope) -> usize {
        let mut all = self.0.lock().unwrap();
        all.push(envelope.clone());
        all.iter().filter(|other| other.id == envelope.id).count()
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        let deliveries = self.record(envelope);

        match envelope.data["outcome"].as_str() {
            Some("retry once") if deliveries == 1 => {
                Err(Fault::new(Reason::DatabaseUnavailable, "unavailable for a moment"))
            }
            Some("dead-letter") => Err(Fault::field("data", "can never be handled")),
            _ => Ok(()),
        }
    }
}

pub(crate) fn subject() -> String {
    Uuid::now_v7().to_string()
}

pub(crate) fn message(event_type: &str, subject: &str, sequence: i64, outcome: &str) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        event_type: event_type.to_owned(),
        source: "catalog".to_owned(),
        subject: subject.to_owned(),
        time: chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        sequence: sequence.try_into().unwrap(),
        traceparent: TRACEPARENT.to_owned(),
        data: serde_json::json!({ "outcome": outcome, "bytes": "9007199254740993" }),
    }
}

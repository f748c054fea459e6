//! What services see of a broker.

use std::sync::Arc;

use async_trait::async_trait;
use slipway_fault::{Disposition, Fault, Reason};
use tokio_util::sync::CancellationToken;

use crate::{Envelope, topology::Queue};

/// A publish that was not confirmed. The message may or may not have arrived; send it again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("message was not confirmed: {0}")]
pub struct PublishError(pub String);

impl From<PublishError> for Fault {
    fn from(error: PublishError) -> Self {
        Self::new(Reason::BrokerUnavailable, "the message broker cannot be reached").cause(error)
    }
}

/// Handles the messages of one queue. Idempotent: every message may come twice, and late.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Acknowledge by `Ok`; the fault's kind decides otherwise.
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault>;
}

/// Publishes and consumes.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Returns once the message is safe.
    async fn publish(&self, envelope: &Envelope) -> Result<(), PublishError>;

    /// Consumes one queue until `stop`; survives every fault of the broker in between.
    async fn consume(&self, queue: Queue, handler: Arc<dyn Handler>, stop: CancellationToken);

    /// Takes the oldest of the queue's dead letters away, as it came; an operator's way to look into what could not be handled.
    async fn take_dead_letter(&self, queue: Queue) -> Result<Option<Vec<u8>>, PublishError>;

    /// Fails while the broker cannot be reached.
    async fn ping(&self) -> Result<(), PublishError>;
}

/// What to do after a handler's answer; logs what goes wrong.
pub(crate) fn disposition(
    queue: Queue,
    envelope: &Envelope,
    outcome: Result<(), Fault>,
) -> Disposition {
    let Err(fault) = outcome else { return Disposition::Ack };
    let disposition = fault.reason().kind().disposition();
    tracing::warn!(queue.name = queue.name, message.id = %envelope.id, message.r#type = envelope.kind, message.subject = envelope.subject, ?disposition, error = %fault, cause = ?std::error::Error::source(&fault), "message was not handled");
    disposition
}

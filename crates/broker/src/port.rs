//! The port to a message broker.

use std::{error::Error as _, sync::Arc};

use async_trait::async_trait;
use slipway_fault::{Disposition, Fault, Reason};
use tokio_util::sync::CancellationToken;

use crate::{Envelope, topology::Queue};

/// The broker failed, or did not confirm a message. An unconfirmed message may have arrived
/// nevertheless; publish it again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the message broker failed: {0}")]
pub struct BrokerError(pub String);

impl From<BrokerError> for Fault {
    fn from(error: BrokerError) -> Self {
        Self::new(Reason::BrokerUnavailable, "The message broker cannot be reached. Try again.")
            .cause(error)
    }
}

/// Handles the messages of one queue. Must be idempotent: every message can arrive twice, and late.
#[async_trait]
pub trait Handler: Send + Sync {
    /// `Ok` acknowledges the message; otherwise the fault's kind gives the disposition. RabbitMQ's
    /// adapter dead-letters a message after five `INTERNAL` faults.
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault>;
}

/// Publishes and consumes.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Returns when the message is confirmed.
    async fn publish(&self, envelope: &Envelope) -> Result<(), BrokerError>;

    /// Consumes one queue until `stop`; reconnects after every error of the broker.
    async fn consume(&self, queue: Queue, handler: Arc<dyn Handler>, stop: CancellationToken);

    /// Removes and returns the bytes of the queue's oldest dead letter, for an operator who
    /// examines what could not be handled.
    async fn take_dead_letter(&self, queue: Queue) -> Result<Option<Vec<u8>>, BrokerError>;

    /// Fails while the broker is unavailable.
    async fn ping(&self) -> Result<(), BrokerError>;
}

/// The disposition for a handler's result. Logs a failure.
pub(crate) fn disposition(
    queue: Queue,
    envelope: &Envelope,
    outcome: Result<(), Fault>,
) -> Disposition {
    let Err(fault) = outcome else { return Disposition::Ack };
    let disposition = fault.reason().kind().disposition();

    tracing::warn!(
        queue.name = queue.name,
        message.id = %envelope.id,
        message.r#type = envelope.event_type,
        message.subject = envelope.subject,
        ?disposition,
        error = %fault,
        cause = ?fault.source(),
        "a message was not handled"
    );
    disposition
}

//! The RabbitMQ adapter, by lapin. After any error the connection is discarded with its channel and
//! opened again: one path for every fault.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use lapin::{
    BasicProperties, Confirmation, Consumer,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
        BasicQosOptions, BasicRejectOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde::{Deserialize, Serialize};
use slipway_fault::{Disposition, Reason};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Broker, BrokerError, Envelope, Handler,
    connection::{AmqpSession, with_timeout},
    port::disposition,
    publisher::Publisher,
    topology::{Queue, Route},
};

/// After this time a delivery is requeued instead of retried here: RabbitMQ closes a channel that
/// leaves a delivery unacknowledged for 30 minutes.
const MAX_DELIVERY_AGE: Duration = Duration::from_secs(20 * 60);
/// Attempts at a message for which the handler returns `INTERNAL`.
const MAX_INTERNAL_ATTEMPTS: u32 = 5;
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
const FIRST_RECONNECT_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(10);
const PERSISTENT_DELIVERY_MODE: u8 = 2;

/// Configuration of the connection to RabbitMQ.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `amqp://user:password@host:port/vhost`
    pub url: String,
    /// The largest number of unacknowledged deliveries.
    #[serde(default = "default_prefetch")]
    pub prefetch: u16,
}

fn default_prefetch() -> u16 {
    16
}

/// Leaves out the URL, which contains the password.
impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Settings").field("prefetch", &self.prefetch).finish_non_exhaustive()
    }
}

/// The RabbitMQ adapter.
pub struct Rabbit {
    service: &'static str,
    settings: Settings,
    publisher: Publisher,
}

impl Rabbit {
    /// Connects at the first use.
    pub fn new(service: &'static str, settings: Settings) -> Self {
        Self { service, publisher: Publisher::new(service, settings.url.clone()), settings }
    }

    async fn consume_until_error(
        &self,
        queue: Queue,
        handler: &dyn Handler,
        stop: &CancellationToken,
    ) -> Result<(), BrokerError> {
        let session = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            session = AmqpSession::connect(self.service, &self.settings.url) => session?,
        };
        let mut consumer =
            with_timeout("basic.consume", self.start_consumer(&session, queue)).await?;
        tracing::info!(queue.name = queue.name, "consuming");

        loop {
            let next = tokio::select! {
                () = stop.cancelled() => break,
                next = consumer.next() => next,
            };
            let delivery = next
                .ok_or_else(|| BrokerError("the broker ended the consumer".to_owned()))?
                .map_err(|error| BrokerError(error.to_string()))?;
            settle(queue, &delivery, handler, stop).await?;
        }

        let close = session.connection.close(200, "the service stops".into());
        let _ = with_timeout("connection.close", close).await;
        Ok(())
    }

    async fn start_consumer(&self, session: &AmqpSession, queue: Queue) -> lapin::Result<Consumer> {
        session.channel.basic_qos(self.settings.prefetch, BasicQosOptions::default()).await?;

        let tag = format!("slipway-{}", self.service);
        session
            .channel
            .basic_consume(
                queue.name.into(),
                tag.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
    }
}

/// Handles one delivery and settles it. Keeps the delivery and handles it again while the handler
/// asks for a retry.
async fn settle(
    queue: Queue,
    delivery: &Delivery,
    handler: &dyn Handler,
    stop: &CancellationToken,
) -> Result<(), BrokerError> {
    let envelope = match Envelope::decode(&delivery.data) {
        Ok(envelope) => envelope,
        Err(error) => {
            tracing::warn!(queue.name = queue.name, %error, "dead-lettered a message");
            return reject(delivery, Requeue::No).await;
        }
    };

    let received = Instant::now();
    let mut delay = FIRST_RETRY_DELAY;
    let mut attempts = 0;

    loop {
        let outcome = handler.handle(&envelope).await;
        let is_internal = outcome.as_ref().is_err_and(|fault| fault.reason() == Reason::Internal);
        attempts += 1;

        match disposition(queue, &envelope, outcome) {
            Disposition::Ack => return acknowledge(delivery).await,
            Disposition::DeadLetter => return reject(delivery, Requeue::No).await,
            Disposition::Retry => {}
        }

        // A defect does not go away like an outage does; it must not delay the messages behind it
        // for long.
        if is_internal && attempts >= MAX_INTERNAL_ATTEMPTS {
            tracing::warn!(
                queue.name = queue.name,
                message.id = %envelope.id,
                attempts,
                "dead-lettered a message after repeated internal errors"
            );
            return reject(delivery, Requeue::No).await;
        }
        if received.elapsed() > MAX_DELIVERY_AGE {
            return reject(delivery, Requeue::Yes).await;
        }

        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(delay) => delay = (delay * 2).min(MAX_DELAY),
        }
    }
}

async fn acknowledge(delivery: &Delivery) -> Result<(), BrokerError> {
    with_timeout("basic.ack", delivery.ack(BasicAckOptions::default())).await.map(|_| ())
}

/// What RabbitMQ does with a rejected delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Requeue {
    /// Deliver it again.
    Yes,
    /// Dead-letter it.
    No,
}

async fn reject(delivery: &Delivery, requeue: Requeue) -> Result<(), BrokerError> {
    let options = BasicRejectOptions { requeue: requeue == Requeue::Yes };
    with_timeout("basic.reject", delivery.reject(options)).await.map(|_| ())
}

#[async_trait]
impl Broker for Rabbit {
    async fn publish(&self, envelope: &Envelope) -> Result<(), BrokerError> {
        let session = self.publisher.session().await?;

        let confirmation = with_timeout("basic.publish", publish_to(&session, envelope)).await;
        match confirmation {
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Ack(Some(_))) => {
                Err(BrokerError(format!("no queue takes {}", envelope.event_type)))
            }
            Ok(_) => Err(BrokerError("the broker refused the message".to_owned())),
            Err(error) => {
                self.publisher.discard(&session);
                Err(error)
            }
        }
    }

    async fn consume(&self, queue: Queue, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let mut delay = FIRST_RECONNECT_DELAY;

        while !stop.is_cancelled() {
            let started = Instant::now();
            let result = self.consume_until_error(queue, handler.as_ref(), &stop).await;
            let Err(error) = result else { return };

            // The connection was stable, so this loss begins a new series of delays.
            if started.elapsed() > MAX_DELAY {
                delay = FIRST_RECONNECT_DELAY;
            }
            tracing::warn!(
                queue.name = queue.name,
                %error,
                retry_ms = delay.as_millis(),
                "a consumer lost its connection to the broker"
            );

            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(delay) => delay = (delay * 2).min(MAX_DELAY),
            }
        }
    }

    async fn take_dead_letter(&self, queue: Queue) -> Result<Option<Vec<u8>>, BrokerError> {
        let session = self.publisher.session().await?;

        let taken = with_timeout("basic.get", take_message(&session, queue)).await;
        if taken.is_err() {
            self.publisher.discard(&session);
        }
        taken
    }

    async fn ping(&self) -> Result<(), BrokerError> {
        self.publisher.session().await.map(|_| ())
    }
}

async fn publish_to(session: &AmqpSession, envelope: &Envelope) -> lapin::Result<Confirmation> {
    let Route { exchange, is_mandatory } = Route::of(&envelope.event_type);
    let options = BasicPublishOptions { mandatory: is_mandatory, ..Default::default() };
    let routing_key = envelope.event_type.as_str();

    session
        .channel
        .basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            &envelope.encode(),
            properties_of(envelope),
        )
        .await?
        .await
}

fn properties_of(envelope: &Envelope) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers
        .insert("traceparent".into(), AMQPValue::LongString(envelope.traceparent.as_str().into()));

    BasicProperties::default()
        .with_delivery_mode(PERSISTENT_DELIVERY_MODE)
        .with_content_type(Envelope::CONTENT_TYPE.into())
        .with_message_id(envelope.id.to_string().into())
        .with_type(envelope.event_type.as_str().into())
        .with_headers(headers)
}

async fn take_message(session: &AmqpSession, queue: Queue) -> lapin::Result<Option<Vec<u8>>> {
    let name = queue.dead_letter_queue();
    let message = session.channel.basic_get(name.into(), BasicGetOptions::default()).await?;

    let Some(message) = message else { return Ok(None) };
    message.delivery.ack(BasicAckOptions::default()).await?;
    Ok(Some(message.delivery.data))
}

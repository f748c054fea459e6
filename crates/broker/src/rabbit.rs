//! RabbitMQ by lapin. A channel that failed is thrown away with its connection and opened anew: one path for every fault.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, BasicRejectOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
        QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde::{Deserialize, Serialize};
use slipway_fault::{Disposition, Reason};
use tokio::{sync::Mutex, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Broker, Envelope, Handler, PublishError,
    port::disposition,
    topology::{COMMANDS, DEAD, DELIVERY_LIMIT, EVENTS, QUEUES, Queue, exchange_of},
};

/// Longest wait for a connection or a confirm.
const PATIENCE: Duration = Duration::from_secs(10);
/// RabbitMQ closes a channel whose delivery waits half an hour; give the delivery back before.
const LONGEST_RETRY: Duration = Duration::from_secs(20 * 60);
/// Tries of a message that our own code fails on.
const INTERNAL_TRIES: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Where RabbitMQ is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `amqp://user:password@host:port/vhost`
    pub url: String,
    /// Deliveries held at once.
    #[serde(default = "default_prefetch")]
    pub prefetch: u16,
}

fn default_prefetch() -> u16 {
    16
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Settings").field("prefetch", &self.prefetch).finish_non_exhaustive()
    }
}

/// The real broker.
pub struct Rabbit {
    service: &'static str,
    settings: Settings,
    publisher: Mutex<Option<Open>>,
}

#[derive(Clone)]
struct Open {
    connection: Arc<Connection>,
    channel: Channel,
}

impl Rabbit {
    /// Connects at the first use.
    pub fn new(service: &'static str, settings: Settings) -> Self {
        Self { service, settings, publisher: Mutex::new(None) }
    }

    async fn open(&self) -> Result<Open, PublishError> {
        let opening = async {
            let properties = ConnectionProperties::default().with_connection_name(format!("slipway-{}", self.service).into());
            let connection = Connection::connect(&self.settings.url, properties).await?;
            let channel = connection.create_channel().await?;
            declare(&channel, self.service).await?;
            Ok::<_, lapin::Error>(Open { connection: Arc::new(connection), channel })
        };
        timeout(PATIENCE, opening)
            .await
            .map_err(|_| PublishError("no connection in time".to_owned()))?
            .map_err(|error| PublishError(error.to_string()))
    }

    async fn publisher(&self) -> Result<Channel, PublishError> {
        let mut publisher = self.publisher.lock().await;
        if let Some(open) = publisher.as_ref().filter(|open| open.connection.status().connected() && open.channel.status().connected()) {
            return Ok(open.channel.clone());
        }
        let open = self.open().await?;
        open.channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|error| PublishError(error.to_string()))?;
        let channel = open.channel.clone();
        *publisher = Some(open);
        Ok(channel)
    }

    async fn consume_once(&self, queue: Queue, handler: &dyn Handler, stop: &CancellationToken) -> Result<(), PublishError> {
        let open = self.open().await?;
        let as_error = |error: lapin::Error| PublishError(error.to_string());
        open.channel.basic_qos(self.settings.prefetch, BasicQosOptions::default()).await.map_err(as_error)?;
        let tag = format!("slipway-{}", self.service);
        let mut consumer = open
            .channel
            .basic_consume(queue.name.into(), tag.into(), BasicConsumeOptions::default(), FieldTable::default())
            .await
            .map_err(as_error)?;
        tracing::info!(queue.name = queue.name, "consuming");
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => break,
                delivery = consumer.next() => delivery.ok_or_else(|| PublishError("the broker ended the consumer".to_owned()))?.map_err(as_error)?,
            };
            settle(queue, &delivery, handler, stop).await.map_err(as_error)?;
        }
        let _ = open.connection.close(200, "bye".into()).await;
        Ok(())
    }
}

/// Handles one delivery, keeping it while its handler's dependency is away.
async fn settle(queue: Queue, delivery: &Delivery, handler: &dyn Handler, stop: &CancellationToken) -> Result<(), lapin::Error> {
    let reject = |requeue| delivery.reject(BasicRejectOptions { requeue });
    let envelope = match Envelope::decode(&delivery.data) {
        Ok(envelope) => envelope,
        Err(error) => {
            tracing::warn!(queue.name = queue.name, %error, "dead-lettered a message");
            return reject(false).await.map(|_| ());
        }
    };
    let mut pause = Duration::from_millis(100);
    let began = tokio::time::Instant::now();
    let mut tries = 0;
    loop {
        let outcome = handler.handle(&envelope).await;
        let is_ours = outcome.as_ref().is_err_and(|fault| fault.reason() == Reason::Internal);
        tries += 1;
        match disposition(queue, &envelope, outcome) {
            // Not a dependency that comes back: it must not hold up the messages behind it for long.
            Disposition::Retry if is_ours && tries >= INTERNAL_TRIES => return reject(false).await.map(|_| ()),
            Disposition::Ack => return delivery.ack(BasicAckOptions::default()).await.map(|_| ()),
            Disposition::DeadLetter => return reject(false).await.map(|_| ()),
            Disposition::Retry if began.elapsed() > LONGEST_RETRY => return reject(true).await.map(|_| ()),
            Disposition::Retry => {}
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

#[async_trait]
impl Broker for Rabbit {
    async fn publish(&self, envelope: &Envelope) -> Result<(), PublishError> {
        let channel = self.publisher().await?;
        let (exchange, mandatory) = exchange_of(&envelope.kind);
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), AMQPValue::LongString(envelope.traceparent.as_str().into()));
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type(Envelope::CONTENT_TYPE.into())
            .with_message_id(envelope.id.to_string().into())
            .with_type(envelope.kind.as_str().into())
            .with_headers(headers);
        let options = BasicPublishOptions { mandatory, ..Default::default() };
        let body = envelope.encode();
        let confirmed = async { channel.basic_publish(exchange.into(), envelope.kind.as_str().into(), options, &body, properties).await?.await };
        match timeout(PATIENCE, confirmed).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => Err(PublishError(format!("no queue takes {}", envelope.kind))),
            Ok(Ok(_)) => Err(PublishError("the broker refused it".to_owned())),
            Ok(Err(error)) => {
                self.publisher.lock().await.take();
                Err(PublishError(error.to_string()))
            }
            Err(_) => {
                self.publisher.lock().await.take();
                Err(PublishError("no confirm in time".to_owned()))
            }
        }
    }

    async fn consume(&self, queue: Queue, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let mut pause = Duration::from_millis(200);
        while !stop.is_cancelled() {
            let began = tokio::time::Instant::now();
            let Err(error) = self.consume_once(queue, handler.as_ref(), &stop).await else { return };
            if began.elapsed() > LONGEST_PAUSE {
                pause = Duration::from_millis(200);
            }
            tracing::warn!(queue.name = queue.name, %error, retry_ms = pause.as_millis(), "consumer lost its broker");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    async fn ping(&self) -> Result<(), PublishError> {
        self.publisher().await.map(|_| ())
    }
}

/// Declares what the service uses: all exchanges, and the queues it consumes or commands.
async fn declare(channel: &Channel, service: &str) -> lapin::Result<()> {
    for (exchange, kind) in [(COMMANDS, ExchangeKind::Direct), (EVENTS, ExchangeKind::Topic), (DEAD, ExchangeKind::Direct)] {
        channel
            .exchange_declare(exchange.into(), kind, ExchangeDeclareOptions { durable: true, ..Default::default() }, FieldTable::default())
            .await?;
    }
    for queue in QUEUES.iter().filter(|queue| queue.name.starts_with(&format!("{service}."))) {
        let quorum = |table: &mut FieldTable| {
            table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        };
        let mut dead = FieldTable::default();
        quorum(&mut dead);
        channel.queue_declare(queue.dead().into(), QueueDeclareOptions { durable: true, ..Default::default() }, dead).await?;
        channel.queue_bind(queue.dead().into(), DEAD.into(), queue.name.into(), QueueBindOptions::default(), FieldTable::default()).await?;

        let mut arguments = FieldTable::default();
        quorum(&mut arguments);
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD.into()));
        arguments.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(queue.name.into()));
        arguments.insert("x-dead-letter-strategy".into(), AMQPValue::LongString("at-least-once".into()));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        channel.queue_declare(queue.name.into(), QueueDeclareOptions { durable: true, ..Default::default() }, arguments).await?;
        channel.queue_bind(queue.name.into(), queue.exchange.into(), queue.key.into(), QueueBindOptions::default(), FieldTable::default()).await?;
    }
    Ok(())
}

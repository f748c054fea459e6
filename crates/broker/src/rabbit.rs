//! RabbitMQ by lapin. A channel that failed is thrown away with its connection and opened anew: one path for every fault.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use lapin::{
    BasicProperties, Confirmation,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
        BasicQosOptions, BasicRejectOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde::{Deserialize, Serialize};
use slipway_fault::{Disposition, Reason};
use tokio_util::sync::CancellationToken;

use crate::{
    Broker, Envelope, Handler, PublishError,
    connection::{Open, in_time},
    port::disposition,
    publisher::Publisher,
    topology::{Queue, exchange_of},
};

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
    publisher: Publisher,
}

impl Rabbit {
    /// Connects at the first use.
    pub fn new(service: &'static str, settings: Settings) -> Self {
        Self { service, publisher: Publisher::new(service, settings.url.clone()), settings }
    }

    async fn consume_once(
        &self,
        queue: Queue,
        handler: &dyn Handler,
        stop: &CancellationToken,
    ) -> Result<(), PublishError> {
        let open = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            open = Open::connect(self.service, &self.settings.url) => open?,
        };
        let mut consumer = in_time("basic.consume", async {
            open.channel.basic_qos(self.settings.prefetch, BasicQosOptions::default()).await?;
            let tag = format!("slipway-{}", self.service);
            open.channel
                .basic_consume(
                    queue.name.into(),
                    tag.into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await
        })
        .await?;
        tracing::info!(queue.name = queue.name, "consuming");
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => break,
                delivery = consumer.next() => delivery.ok_or_else(|| PublishError("the broker ended the consumer".to_owned()))?,
            };
            let delivery = delivery.map_err(|error| PublishError(error.to_string()))?;
            settle(queue, &delivery, handler, stop).await?;
        }
        let _ = in_time("connection.close", open.connection.close(200, "bye".into())).await;
        Ok(())
    }
}

/// Handles one delivery, keeping it while its handler's dependency is away.
async fn settle(
    queue: Queue,
    delivery: &Delivery,
    handler: &dyn Handler,
    stop: &CancellationToken,
) -> Result<(), PublishError> {
    let reject = |requeue| in_time("basic.reject", delivery.reject(BasicRejectOptions { requeue }));
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
            Disposition::Retry if is_ours && tries >= INTERNAL_TRIES => {
                return reject(false).await.map(|_| ());
            }
            Disposition::Ack => {
                return in_time("basic.ack", delivery.ack(BasicAckOptions::default()))
                    .await
                    .map(|_| ());
            }
            Disposition::DeadLetter => return reject(false).await.map(|_| ()),
            Disposition::Retry if began.elapsed() > LONGEST_RETRY => {
                return reject(true).await.map(|_| ());
            }
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
        let open = self.publisher.open().await?;
        let (exchange, mandatory) = exchange_of(&envelope.kind);
        let mut headers = FieldTable::default();
        headers.insert(
            "traceparent".into(),
            AMQPValue::LongString(envelope.traceparent.as_str().into()),
        );
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type(Envelope::CONTENT_TYPE.into())
            .with_message_id(envelope.id.to_string().into())
            .with_type(envelope.kind.as_str().into())
            .with_headers(headers);
        let options = BasicPublishOptions { mandatory, ..Default::default() };
        let body = envelope.encode();
        let routing_key = envelope.kind.as_str();
        let publishing = async {
            open.channel
                .basic_publish(exchange.into(), routing_key.into(), options, &body, properties)
                .await?
                .await
        };
        match in_time("a message", publishing).await {
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Ack(Some(_))) => {
                Err(PublishError(format!("no queue takes {}", envelope.kind)))
            }
            Ok(_) => Err(PublishError("the broker refused it".to_owned())),
            Err(error) => {
                self.publisher.forget(&open);
                Err(error)
            }
        }
    }

    async fn consume(&self, queue: Queue, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let mut pause = Duration::from_millis(200);
        while !stop.is_cancelled() {
            let began = tokio::time::Instant::now();
            let Err(error) = self.consume_once(queue, handler.as_ref(), &stop).await else {
                return;
            };
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

    async fn take_dead_letter(&self, queue: Queue) -> Result<Option<Vec<u8>>, PublishError> {
        let open = self.publisher.open().await?;
        let taking = async {
            let Some(message) =
                open.channel.basic_get(queue.dead().into(), BasicGetOptions::default()).await?
            else {
                return Ok(None);
            };
            message.delivery.ack(BasicAckOptions::default()).await?;
            Ok(Some(message.delivery.data))
        };
        let taken = in_time("basic.get", taking).await;
        if taken.is_err() {
            self.publisher.forget(&open);
        }
        taken
    }

    async fn ping(&self) -> Result<(), PublishError> {
        self.publisher.open().await.map(|_| ())
    }
}

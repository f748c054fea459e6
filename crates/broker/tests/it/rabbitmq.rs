//! What only RabbitMQ can show: users, properties on the wire, and bytes that are not an envelope.

use std::{sync::Arc, time::Duration};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use slipway_broker::{
    Broker as _, Envelope, Rabbit, Settings,
    topology::{BUILDER_REQUESTS, COMMANDS},
};
use slipway_testrig::env;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    contract::{RunningConsumer, check_contract, dead_letter, publish},
    recorder::{TRACEPARENT, WAIT_TIMEOUT, message, subject},
};

/// Tests run one at a time, because they share the builder's queue.
static EXCLUSIVE: Mutex<()> = Mutex::const_new(());

/// The URLs of the catalog's and the builder's RabbitMQ user.
struct Users {
    catalog: String,
    builder: String,
    _exclusive: MutexGuard<'static, ()>,
}

/// `None` when no RabbitMQ is configured.
async fn users() -> Option<Users> {
    let builder = env::server(env::RABBITMQ)?;
    let catalog = env::server(env::RABBITMQ_CATALOG)?;
    Some(Users { catalog, builder, _exclusive: EXCLUSIVE.lock().await })
}

fn rabbit(service: &'static str, url: &str) -> Arc<Rabbit> {
    Arc::new(Rabbit::new(service, Settings { url: url.to_owned(), prefetch: 1 }))
}

/// A connection by lapin alone, without this crate.
async fn connect_directly(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

#[tokio::test]
async fn rabbitmq_keeps_the_contract() {
    let Some(users) = users().await else { return };
    let builder = rabbit("builder", &users.builder);
    builder.ping().await.unwrap();

    let (_connection, channel) = connect_directly(&users.builder).await;
    channel
        .queue_unbind(
            BUILDER_REQUESTS.name.into(),
            BUILDER_REQUESTS.exchange.into(),
            BUILDER_REQUESTS.key.into(),
            FieldTable::default(),
        )
        .await
        .unwrap();

    check_contract(rabbit("catalog", &users.catalog), builder).await;
}

#[tokio::test]
async fn command_of_another_service_than_the_catalog_is_refused() {
    let Some(users) = users().await else { return };
    let builder = rabbit("builder", &users.builder);
    builder.ping().await.expect("the builder may connect and declare its own queues");

    let command = message(BUILDER_REQUESTS.key, "x", 1, "ack");
    let error = builder.publish(&command).await.unwrap_err().to_string();
    assert!(error.contains("ACCESS_REFUSED") || error.contains("refused"), "{error}");

    builder
        .publish(&message("builder.other.happened", "x", 1, "ack"))
        .await
        .expect("after a refusal the publisher reconnects");
}

#[tokio::test]
async fn message_type_id_and_trace_are_amqp_properties() {
    let Some(users) = users().await else { return };
    rabbit("builder", &users.builder).ping().await.unwrap();
    let (_connection, channel) = connect_directly(&users.builder).await;
    channel.queue_purge(BUILDER_REQUESTS.name.into(), QueuePurgeOptions::default()).await.unwrap();

    let sent = message(BUILDER_REQUESTS.key, &subject(), 1, "ack");
    publish(rabbit("catalog", &users.catalog).as_ref(), &sent).await;

    let delivery = next_delivery(&channel).await;
    assert_eq!(delivery.exchange.as_str(), COMMANDS);
    assert_eq!(delivery.routing_key.as_str(), BUILDER_REQUESTS.key);
    assert_eq!(Envelope::decode(&delivery.data).unwrap(), sent);

    let properties = &delivery.properties;
    assert_eq!(text(properties.kind()), BUILDER_REQUESTS.key);
    assert_eq!(text(properties.message_id()), sent.id.to_string());
    assert_eq!(text(properties.content_type()), "application/cloudevents+json");
    assert_eq!(*properties.delivery_mode(), Some(2), "persistent");

    let traceparent =
        properties.headers().as_ref().and_then(|headers| headers.inner().get("traceparent"));
    assert_eq!(traceparent, Some(&AMQPValue::LongString(TRACEPARENT.into())));
}

fn text(value: &Option<ShortString>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Takes the next of the builder's requests.
async fn next_delivery(channel: &Channel) -> Delivery {
    let queue = BUILDER_REQUESTS.name;
    let taken = async {
        loop {
            let options = BasicGetOptions { no_ack: true };
            if let Some(message) = channel.basic_get(queue.into(), options).await.unwrap() {
                return message.delivery;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WAIT_TIMEOUT, taken).await.expect("a message")
}

#[tokio::test]
async fn malformed_messages_are_dead_lettered_and_do_not_block_the_queue() {
    let Some(users) = users().await else { return };
    let builder = rabbit("builder", &users.builder);
    let catalog = rabbit("catalog", &users.catalog);
    builder.ping().await.unwrap();
    let consumer = RunningConsumer::start(builder.clone());

    let malformed = malformed_messages();
    let (_connection, channel) = connect_directly(&users.catalog).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    for bytes in &malformed {
        publish_bytes(&channel, bytes).await;
    }

    let behind = subject();
    publish(catalog.as_ref(), &message(BUILDER_REQUESTS.key, &behind, 1, "ack")).await;
    consumer.recorder.wait_for(&behind, 1).await;

    let mut missing = malformed.to_vec();
    while !missing.is_empty() {
        let dead =
            dead_letter(builder.as_ref(), |dead| missing.iter().any(|bytes| bytes == dead)).await;
        missing.retain(|bytes| *bytes != dead);
    }
    consumer.stop().await;
}

fn malformed_messages() -> [Vec<u8>; 4] {
    let encoded = message(BUILDER_REQUESTS.key, &subject(), 1, "ack").encode();
    let mut other_version: serde_json::Value = serde_json::from_slice(&encoded).unwrap();
    other_version["dataschemaversion"] = 2.into();
    let without_data = serde_json::json!({ "specversion": "1.0", "id": subject() });

    [
        format!("garbage {}", subject()).into_bytes(),
        serde_json::to_vec(&without_data).unwrap(),
        [b"\xff\xfe\x00".as_slice(), subject().as_bytes()].concat(),
        serde_json::to_vec(&other_version).unwrap(),
    ]
}

async fn publish_bytes(channel: &Channel, bytes: &[u8]) {
    let publishing = channel.basic_publish(
        COMMANDS.into(),
        BUILDER_REQUESTS.key.into(),
        BasicPublishOptions::default(),
        bytes,
        BasicProperties::default(),
    );
    assert!(publishing.await.unwrap().await.unwrap().is_ack());
}

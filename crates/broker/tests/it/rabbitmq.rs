//! What RabbitMQ alone can show: users, properties on the wire, bytes that are no envelope.

use std::{sync::Arc, time::Duration};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable},
};
use slipway_broker::{
    Broker as _, Envelope, Rabbit, Settings,
    topology::{BUILDER_REQUESTS, COMMANDS},
};
use slipway_testrig::env;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    contract::{Consuming, contract, dead_letter, publish},
    recorder::{PATIENCE, TRACEPARENT, message, subject},
};

/// The builder's queue is the same for all tests.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Addresses of the catalog's and the builder's user.
struct Users {
    catalog: String,
    builder: String,
    _alone: MutexGuard<'static, ()>,
}

async fn users() -> Option<Users> {
    let (builder, catalog) =
        (env::server(env::RABBITMQ)?, env::server("SLIPWAY_TEST_RABBITMQ_CATALOG")?);
    Some(Users { catalog, builder, _alone: ALONE.lock().await })
}

fn rabbit(service: &'static str, url: &str) -> Arc<Rabbit> {
    Arc::new(Rabbit::new(service, Settings { url: url.to_owned(), prefetch: 1 }))
}

/// A connection without anything of ours.
async fn bare(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

#[tokio::test]
async fn rabbitmq_keeps_the_contract() {
    let Some(users) = users().await else { return };
    let builder = rabbit("builder", &users.builder);
    builder.ping().await.unwrap();
    let (_connection, channel) = bare(&users.builder).await;
    let queue = BUILDER_REQUESTS;
    channel
        .queue_unbind(
            queue.name.into(),
            queue.exchange.into(),
            queue.key.into(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    contract(rabbit("catalog", &users.catalog), builder).await;
}

#[tokio::test]
async fn rabbitmq_takes_commands_from_the_catalog_alone() {
    let Some(users) = users().await else { return };
    let builder = rabbit("builder", &users.builder);
    builder.ping().await.expect("the builder may connect and declare what is its own");
    let refused = builder.publish(&message(BUILDER_REQUESTS.key, "x", 1, "ack")).await.unwrap_err();
    assert!(
        refused.to_string().contains("ACCESS_REFUSED") || refused.to_string().contains("refused"),
        "{refused}"
    );
    builder
        .publish(&message("builder.other.happened", "x", 1, "ack"))
        .await
        .expect("the refusal cost a connection, not the publisher");
}

#[tokio::test]
async fn type_id_and_trace_are_properties_too() {
    let Some(users) = users().await else { return };
    rabbit("builder", &users.builder).ping().await.unwrap();
    let (_connection, channel) = bare(&users.builder).await;
    channel.queue_purge(BUILDER_REQUESTS.name.into(), QueuePurgeOptions::default()).await.unwrap();
    let sent = message(BUILDER_REQUESTS.key, &subject(), 1, "ack");
    publish(rabbit("catalog", &users.catalog).as_ref(), &sent).await;

    let delivery = got(&channel).await;
    assert_eq!(
        (delivery.exchange.as_str(), delivery.routing_key.as_str()),
        (COMMANDS, BUILDER_REQUESTS.key)
    );
    let properties = &delivery.properties;
    let text = |value: &Option<lapin::types::ShortString>| {
        value.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(text(properties.kind()), BUILDER_REQUESTS.key);
    assert_eq!(text(properties.message_id()), sent.id.to_string());
    assert_eq!(text(properties.content_type()), "application/cloudevents+json");
    assert_eq!(*properties.delivery_mode(), Some(2), "on disk");
    let header =
        properties.headers().as_ref().and_then(|headers| headers.inner().get("traceparent"));
    assert_eq!(header, Some(&AMQPValue::LongString(TRACEPARENT.into())));
    assert_eq!(Envelope::decode(&delivery.data).unwrap(), sent);
}

/// The next of the builder's requests.
async fn got(channel: &Channel) -> Delivery {
    let got = async {
        loop {
            if let Some(message) = channel
                .basic_get(BUILDER_REQUESTS.name.into(), BasicGetOptions { no_ack: true })
                .await
                .unwrap()
            {
                return message.delivery;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, got).await.expect("a message")
}

#[tokio::test]
async fn garbage_is_dead_lettered_and_harms_nobody() {
    let Some(users) = users().await else { return };
    let (builder, catalog) = (rabbit("builder", &users.builder), rabbit("catalog", &users.catalog));
    builder.ping().await.unwrap();
    let consuming = Consuming::start(builder.clone());
    let (_connection, channel) = bare(&users.catalog).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut envelope: serde_json::Value =
        serde_json::from_slice(&message(BUILDER_REQUESTS.key, &subject(), 1, "ack").encode())
            .unwrap();
    envelope["dataschemaversion"] = 2.into();
    let garbage = [
        format!("garbage {}", subject()).into_bytes(),
        serde_json::to_vec(&serde_json::json!({ "specversion": "1.0", "id": subject() })).unwrap(),
        [b"\xff\xfe\x00".as_slice(), subject().as_bytes()].concat(),
        serde_json::to_vec(&envelope).unwrap(),
    ];
    for bytes in &garbage {
        let options = BasicPublishOptions::default();
        let publishing = channel.basic_publish(
            COMMANDS.into(),
            BUILDER_REQUESTS.key.into(),
            options,
            bytes,
            BasicProperties::default(),
        );
        assert!(publishing.await.unwrap().await.unwrap().is_ack());
    }
    let behind = subject();
    publish(catalog.as_ref(), &message(BUILDER_REQUESTS.key, &behind, 1, "ack")).await;
    consuming.recorder.wait_for(&behind, 1).await;
    let mut missing = garbage.to_vec();
    while !missing.is_empty() {
        let dead =
            dead_letter(builder.as_ref(), |dead| missing.iter().any(|bytes| bytes == dead)).await;
        missing.retain(|bytes| *bytes != dead);
    }
    consuming.stop().await;
}

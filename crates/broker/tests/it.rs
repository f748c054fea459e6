//! One contract for both brokers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use slipway_broker::{
    Broker, Envelope, Handler, InProcess, Mischief, Rabbit, Settings,
    topology::{BUILDER_REQUESTS, CATALOG_BUILDS},
};
use slipway_fault::{Fault, Reason};
use slipway_testrig::env;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(20);

/// Remembers what it handled; answers by the message's data.
#[derive(Default)]
struct Recorder(Mutex<Vec<Envelope>>);

impl Recorder {
    fn of(&self, subject: &str) -> Vec<Envelope> {
        self.0.lock().unwrap().iter().filter(|envelope| envelope.subject == subject).cloned().collect()
    }

    async fn wait_for(&self, subject: &str, count: usize) -> Vec<Envelope> {
        let reached = async {
            while self.of(subject).len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{count} deliveries of {subject}, got {}", self.of(subject).len()));
        self.of(subject)
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        let seen = {
            let mut all = self.0.lock().unwrap();
            all.push(envelope.clone());
            all.iter().filter(|other| other.id == envelope.id).count()
        };
        match envelope.data["answer"].as_str() {
            Some("retry once") if seen == 1 => Err(Fault::new(Reason::DatabaseUnavailable, "away for a moment")),
            Some("never") => Err(Fault::field("data", "is wrong for ever")),
            _ => Ok(()),
        }
    }
}

fn message(kind: &str, subject: &str, sequence: i64, answer: &str) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        kind: kind.to_owned(),
        source: "catalog".to_owned(),
        subject: subject.to_owned(),
        time: chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        sequence,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        data: serde_json::json!({ "answer": answer, "bytes": "9007199254740993" }),
    }
}

/// `commands` may publish commands, `builder` consumes them: on RabbitMQ they are two users.
async fn contract(commands: Arc<dyn Broker>, builder: Arc<dyn Broker>) {
    let recorder = Arc::new(Recorder::default());
    let stop = CancellationToken::new();
    let consuming = tokio::spawn({
        let (builder, recorder, stop) = (builder.clone(), recorder.clone(), stop.clone());
        async move { builder.consume(BUILDER_REQUESTS, recorder, stop).await }
    });
    let publish = async |envelope: &Envelope| {
        let confirmed = async {
            while commands.publish(envelope).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, confirmed).await.expect("a confirm");
    };
    let subject = || Uuid::now_v7().to_string();

    let arrives = subject();
    let sent = message(BUILDER_REQUESTS.key, &arrives, 1, "ack");
    publish(&sent).await;
    assert_eq!(recorder.wait_for(&arrives, 1).await[0], sent, "whole and unchanged, 64-bit numbers too");

    let again = subject();
    publish(&message(BUILDER_REQUESTS.key, &again, 1, "retry once")).await;
    recorder.wait_for(&again, 2).await;

    let poison = subject();
    publish(&message(BUILDER_REQUESTS.key, &poison, 1, "never")).await;
    recorder.wait_for(&poison, 1).await;
    let after_poison = subject();
    publish(&message(BUILDER_REQUESTS.key, &after_poison, 1, "ack")).await;
    recorder.wait_for(&after_poison, 1).await;
    assert_eq!(recorder.of(&poison).len(), 1, "what can never work is not tried again");

    let ordered = subject();
    for sequence in 1..=20 {
        publish(&message(BUILDER_REQUESTS.key, &ordered, sequence, "ack")).await;
    }
    let mut sequences: Vec<i64> = recorder.wait_for(&ordered, 20).await.iter().map(|envelope| envelope.sequence).collect();
    sequences.dedup();
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());

    stop.cancel();
    tokio::time::timeout(PATIENCE, consuming).await.expect("stops").unwrap();
}

#[tokio::test]
async fn in_process_keeps_the_contract() {
    let broker = InProcess::default();
    contract(Arc::new(broker.clone()), Arc::new(broker.clone())).await;
    assert_eq!(broker.dead_letters().len(), 1);
}

#[tokio::test]
async fn in_process_confirms_only_what_is_consumed() {
    let broker = InProcess::default();
    let unheard = message(BUILDER_REQUESTS.key, "x", 1, "ack");
    assert!(broker.publish(&unheard).await.is_err(), "nobody consumes yet");
    assert!(
        broker.publish(&message("permission.group.created", "x", 1, "ack")).await.is_ok(),
        "an event without a queue is not lost: it stays in the log"
    );
}

#[tokio::test]
async fn in_process_misbehaves_on_demand() {
    let broker = InProcess::default();
    let recorder = Arc::new(Recorder::default());
    let stop = CancellationToken::new();
    tokio::spawn({
        let (broker, recorder, stop) = (broker.clone(), recorder.clone(), stop.clone());
        async move { broker.consume(CATALOG_BUILDS, recorder, stop).await }
    });
    tokio::task::yield_now().await;
    broker.set_mischief(Mischief { duplicate: true, reorder: true, lost_confirms: 1 });
    let first = message("builder.build.queued", "b", 1, "ack");
    assert!(broker.publish(&first).await.is_err(), "delivered, but the confirm is lost");
    broker.publish(&message("builder.build.preparing", "b", 2, "ack")).await.unwrap();
    let sequences: Vec<i64> = recorder.of("b").iter().map(|envelope| envelope.sequence).collect();
    assert_eq!(sequences, [1, 1, 2, 2, 1]);
    stop.cancel();
}

#[tokio::test]
async fn rabbitmq_keeps_the_contract() {
    let (Some(builder), Some(catalog)) = (env::server(env::RABBITMQ), std::env::var("SLIPWAY_TEST_RABBITMQ_CATALOG").ok()) else { return };
    let rabbit = |service, url| Arc::new(Rabbit::new(service, Settings { url, prefetch: 1 }));
    contract(rabbit("catalog", catalog), rabbit("builder", builder)).await;
}

#[tokio::test]
async fn rabbitmq_takes_commands_from_the_catalog_alone() {
    let Some(builder) = env::server(env::RABBITMQ) else { return };
    let builder = Rabbit::new("builder", Settings { url: builder, prefetch: 1 });
    builder.ping().await.expect("the builder may connect and declare what is its own");
    let refused = builder.publish(&message(BUILDER_REQUESTS.key, "x", 1, "ack")).await.unwrap_err();
    assert!(refused.to_string().contains("ACCESS_REFUSED") || refused.to_string().contains("refused"), "{refused}");
}

#[test]
fn envelopes_come_back() {
    let sent = message("builder.build.queued", "b", i64::MAX, "ack");
    assert_eq!(Envelope::decode(&sent.encode()).unwrap(), sent);
    for bytes in [&b""[..], b"{}", b"not json", br#"{"specversion":"0.3"}"#] {
        assert!(Envelope::decode(bytes).is_err());
    }
}

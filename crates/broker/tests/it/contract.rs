//! One contract for both brokers.

use std::{sync::Arc, time::Duration};

use slipway_broker::{Broker, Envelope, topology::BUILDER_REQUESTS};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::recorder::{PATIENCE, Recorder, message, subject};

/// A consumer of the builder's requests, until it is stopped.
pub(crate) struct Consuming {
    pub(crate) recorder: Arc<Recorder>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Consuming {
    pub(crate) fn start(builder: Arc<dyn Broker>) -> Self {
        let (recorder, stop) = (Arc::new(Recorder::default()), CancellationToken::new());
        let (handler, stopped) = (recorder.clone(), stop.clone());
        let task =
            tokio::spawn(async move { builder.consume(BUILDER_REQUESTS, handler, stopped).await });
        Self { recorder, stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("stops").unwrap();
    }
}

/// Until it is confirmed.
pub(crate) async fn publish(broker: &dyn Broker, envelope: &Envelope) {
    let confirmed = async {
        while broker.publish(envelope).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, confirmed).await.expect("a confirm");
}

/// Takes dead letters away until the one that is looked for comes.
pub(crate) async fn dead_letter(broker: &dyn Broker, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let taken = async {
        loop {
            match broker.take_dead_letter(BUILDER_REQUESTS).await.unwrap() {
                Some(bytes) if is_wanted(&bytes) => return bytes,
                Some(_) => {}
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("a dead letter")
}

/// `commands` may publish commands, `builder` consumes them: on RabbitMQ they are two users. No queue takes commands yet.
pub(crate) async fn contract(commands: Arc<dyn Broker>, builder: Arc<dyn Broker>) {
    let unroutable = subject();
    let refused = commands
        .publish(&message(BUILDER_REQUESTS.key, &unroutable, 1, "ack"))
        .await
        .expect_err("nobody takes it");
    assert!(
        refused.to_string().contains("no queue takes")
            || refused.to_string().contains("nobody consumes"),
        "{refused}"
    );

    let consuming = Consuming::start(builder.clone());
    let recorder = &consuming.recorder;
    let publish = async |envelope: &Envelope| publish(commands.as_ref(), envelope).await;

    let arrives = subject();
    let sent = message(BUILDER_REQUESTS.key, &arrives, 1, "ack");
    publish(&sent).await;
    assert_eq!(
        recorder.wait_for(&arrives, 1).await[0],
        sent,
        "whole and unchanged, 64-bit numbers too"
    );
    assert!(recorder.of(&unroutable).is_empty(), "what was refused is not delivered later");

    let again = subject();
    publish(&message(BUILDER_REQUESTS.key, &again, 1, "retry once")).await;
    recorder.wait_for(&again, 2).await;

    let poison = message(BUILDER_REQUESTS.key, &subject(), 1, "never");
    publish(&poison).await;
    recorder.wait_for(&poison.subject, 1).await;
    let after_poison = subject();
    publish(&message(BUILDER_REQUESTS.key, &after_poison, 1, "ack")).await;
    recorder.wait_for(&after_poison, 1).await;
    assert_eq!(recorder.of(&poison.subject).len(), 1, "what can never work is not tried again");
    let dead = dead_letter(builder.as_ref(), |bytes| {
        Envelope::decode(bytes).is_ok_and(|envelope| envelope.id == poison.id)
    })
    .await;
    assert_eq!(Envelope::decode(&dead).unwrap(), poison, "it is kept as it came");

    let ordered = subject();
    for sequence in 1..=20 {
        publish(&message(BUILDER_REQUESTS.key, &ordered, sequence, "ack")).await;
    }
    let mut sequences: Vec<i64> =
        recorder.wait_for(&ordered, 20).await.iter().map(|envelope| envelope.sequence).collect();
    sequences.dedup();
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());
    consuming.stop().await;
}

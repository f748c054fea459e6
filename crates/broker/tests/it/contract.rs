//! One contract for both adapters.

use std::{sync::Arc, time::Duration};

use slipway_broker::{Broker, Envelope, topology::BUILDER_REQUESTS};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::recorder::{Recorder, WAIT_TIMEOUT, message, subject};

/// A running consumer of the builder's requests.
pub(crate) struct RunningConsumer {
    pub(crate) recorder: Arc<Recorder>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningConsumer {
    pub(crate) fn start(builder: Arc<dyn Broker>) -> Self {
        let recorder = Arc::new(Recorder::default());
        let stop = CancellationToken::new();

        let handler = recorder.clone();
        let stopped = stop.clone();
        let task =
            tokio::spawn(async move { builder.consume(BUILDER_REQUESTS, handler, stopped).await });

        Self { recorder, stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(WAIT_TIMEOUT, self.task).await.expect("the consumer stops").unwrap();
    }
}

/// Publishes until the message is confirmed.
pub(crate) async fn publish(broker: &dyn Broker, envelope: &Envelope) {
    let confirmed = async {
        while broker.publish(envelope).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(WAIT_TIMEOUT, confirmed).await.expect("a confirm");
}

/// Takes dead letters until one is wanted.
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
    tokio::time::timeout(WAIT_TIMEOUT, taken).await.expect("a dead letter")
}

/// `catalog` may publish commands, `builder` may consume them; on RabbitMQ they are two users. The
/// queue must not be bound or consumed before.
pub(crate) async fn check_contract(catalog: Arc<dyn Broker>, builder: Arc<dyn Broker>) {
    let unroutable = subject();
    check_unroutable_command_is_refused(catalog.as_ref(), &unroutable).await;

    let consumer = RunningConsumer::start(builder.clone());
    let recorder = consumer.recorder.as_ref();

    check_message_arrives_unchanged(catalog.as_ref(), recorder).await;
    assert!(recorder.of(&unroutable).is_empty(), "a refused message is not delivered later");

    check_retry(catalog.as_ref(), recorder).await;
    check_dead_letter(catalog.as_ref(), builder.as_ref(), recorder).await;
    check_order(catalog.as_ref(), recorder).await;

    consumer.stop().await;
}

async fn check_unroutable_command_is_refused(catalog: &dyn Broker, subject: &str) {
    let command = message(BUILDER_REQUESTS.key, subject, 1, "ack");
    let error = catalog.publish(&command).await.expect_err("no queue or no consumer takes it");

    let text = error.to_string();
    assert!(text.contains("no queue takes") || text.contains("has no consumer"), "{text}");
}

async fn check_message_arrives_unchanged(catalog: &dyn Broker, recorder: &Recorder) {
    let subject = subject();
    let sent = message(BUILDER_REQUESTS.key, &subject, 1, "ack");
    publish(catalog, &sent).await;

    let received = recorder.wait_for(&subject, 1).await;
    assert_eq!(received[0], sent, "complete and unchanged, 64-bit numbers too");
}

async fn check_retry(catalog: &dyn Broker, recorder: &Recorder) {
    let subject = subject();
    publish(catalog, &message(BUILDER_REQUESTS.key, &subject, 1, "retry once")).await;
    recorder.wait_for(&subject, 2).await;
}

async fn check_dead_letter(catalog: &dyn Broker, builder: &dyn Broker, recorder: &Recorder) {
    let poison = message(BUILDER_REQUESTS.key, &subject(), 1, "dead-letter");
    publish(catalog, &poison).await;
    recorder.wait_for(&poison.subject, 1).await;

    let after_poison = subject();
    publish(catalog, &message(BUILDER_REQUESTS.key, &after_poison, 1, "ack")).await;
    recorder.wait_for(&after_poison, 1).await;
    assert_eq!(recorder.of(&poison.subject).len(), 1, "a dead letter is not delivered again");

    let is_poison =
        |bytes: &[u8]| Envelope::decode(bytes).is_ok_and(|envelope| envelope.id == poison.id);
    let dead = dead_letter(builder, is_poison).await;
    assert_eq!(Envelope::decode(&dead).unwrap(), poison, "a dead letter is kept unchanged");
}

async fn check_order(catalog: &dyn Broker, recorder: &Recorder) {
    let subject = subject();
    for sequence in 1..=20 {
        publish(catalog, &message(BUILDER_REQUESTS.key, &subject, sequence, "ack")).await;
    }

    let received = recorder.wait_for(&subject, 20).await;
    let mut sequences: Vec<i64> = received.iter().map(|envelope| envelope.sequence.get()).collect();
    sequences.dedup();
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());
}

//! The relay: in order per subject, many subjects at once, again after a lost confirm, one holder
//! at a time.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sea_orm::ConnectionTrait as _;
use slipway_broker::{
    Broker, BrokerError, Envelope, FaultInjection, Handler, InProcess,
    topology::{CATALOG_BUILDS, Queue},
};
use slipway_fault::Fault;
use slipway_outbox::{Relay, Wake, append};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{Fixture, WAIT_TIMEOUT, event, sequences};

slipway_testrig::on_both_databases!(
    message_is_sent_in_order_and_again_after_a_lost_confirm,
    subject_has_one_unconfirmed_message_at_a_time,
    failing_message_delays_only_its_subject,
    two_relays_send_each_message_once,
);

async fn message_is_sent_in_order_and_again_after_a_lost_confirm(fixture: Fixture) {
    write_all(&fixture, &["a", "b", "c"], 5).await;
    let rolled_back = fixture.database.begin().await.unwrap();
    append(&rolled_back, event("d")).await.unwrap();
    rolled_back.rollback().await.unwrap();

    let broker = InProcess::default();
    broker.inject_faults(FaultInjection { lost_confirms: 4, ..FaultInjection::default() });
    let recorder = Recorder::default();
    let stop = CancellationToken::new();
    start_consumer(&broker, &recorder, &stop);

    let _relay = RunningRelay::start(&fixture, Arc::new(broker));
    fixture.published(15).await;
    stop.cancel();

    let received = recorder.messages();
    assert_eq!(received.len(), 15 + 4, "a message is sent again after a lost confirm");
    for subject in ["a", "b", "c"] {
        let mut sequences = sequences(&received, subject);
        sequences.dedup();
        assert_eq!(sequences, [1, 2, 3, 4, 5], "{subject}");
    }
}

async fn subject_has_one_unconfirmed_message_at_a_time(fixture: Fixture) {
    write_all(&fixture, &["a", "b", "c"], 3).await;

    let broker = ManualBroker::new("");
    let _relay = RunningRelay::start(&fixture, broker.clone());
    let mut first = broker.publishes.wait_for(3).await;
    first.sort();
    assert_eq!(
        first,
        [("a".to_owned(), 1), ("b".to_owned(), 1), ("c".to_owned(), 1)],
        "one of each subject, all before the first confirm"
    );
    assert!(fixture.published(0).await.is_empty(), "unconfirmed messages are not marked published");

    broker.confirms.add_permits(9);
    let published = fixture.published(9).await;
    for subject in ["a", "b", "c"] {
        assert_eq!(sequences(&published, subject), [1, 2, 3], "{subject}");
    }
    assert_eq!(broker.publishes.messages().len(), 9, "each message was sent once");
}

async fn failing_message_delays_only_its_subject(fixture: Fixture) {
    write_all(&fixture, &["bad", "good"], 3).await;

    let broker = ManualBroker::new("bad");
    broker.confirms.add_permits(3);
    let _relay = RunningRelay::start(&fixture, broker.clone());

    let published = fixture.published(3).await;
    assert_eq!(sequences(&published, "good"), [1, 2, 3]);

    let sent = sequences(&broker.publishes.messages(), "bad");
    assert!(
        !sent.is_empty() && sent.iter().all(|sequence| *sequence == 1),
        "later messages wait for the first one: {sent:?}"
    );
}

async fn two_relays_send_each_message_once(fixture: Fixture) {
    let broker = ManualBroker::new("");
    let _first = RunningRelay::start(&fixture, broker.clone());
    let _second = RunningRelay::start(&fixture, broker.clone());
    write_all(&fixture, &["a", "b"], 5).await;

    broker.publishes.wait_for(1).await;
    broker.confirms.add_permits(10);
    fixture.published(10).await;
    let sent = broker.publishes.messages();
    assert_eq!(sequences(&sent, "a"), [1, 2, 3, 4, 5], "each once, by one of the two");
    assert_eq!(sequences(&sent, "b"), [1, 2, 3, 4, 5], "each once, by one of the two");

    // As if the holder had crashed: its lease expires, and one of the running relays takes over.
    let crash = "update lease set holder = '00000000-0000-0000-0000-000000000000', until = 1";
    fixture.database.writer().execute_unprepared(crash).await.unwrap();
    fixture.write("a").await;
    broker.confirms.add_permits(1);
    fixture.published(11).await;
}

async fn write_all(fixture: &Fixture, subjects: &[&str], count: usize) {
    for _ in 0..count {
        for subject in subjects {
            fixture.write(subject).await;
        }
    }
}

fn start_consumer(broker: &InProcess, recorder: &Recorder, stop: &CancellationToken) {
    let broker = broker.clone();
    let handler = Arc::new(recorder.clone());
    let stop = stop.clone();
    tokio::spawn(async move { broker.consume(CATALOG_BUILDS, handler, stop).await });
}

/// Records subject and sequence of messages, in order.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(String, i64)>>>);

impl Recorder {
    fn record(&self, envelope: &Envelope) {
        self.0.lock().unwrap().push((envelope.subject.clone(), envelope.sequence.get()));
    }

    fn messages(&self) -> Vec<(String, i64)> {
        self.0.lock().unwrap().clone()
    }

    async fn wait_for(&self, count: usize) -> Vec<(String, i64)> {
        let began = Instant::now();
        while self.messages().len() < count {
            let elapsed = began.elapsed();
            assert!(elapsed < WAIT_TIMEOUT, "{count} messages, got {:?}", self.messages());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.messages()
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        self.record(envelope);
        Ok(())
    }
}

/// Confirms one message per permit of the test, and refuses every message of one subject.
struct ManualBroker {
    publishes: Recorder,
    confirms: Semaphore,
    refused_subject: &'static str,
}

impl ManualBroker {
    fn new(refused_subject: &'static str) -> Arc<Self> {
        Arc::new(Self {
            publishes: Recorder::default(),
            confirms: Semaphore::new(0),
            refused_subject,
        })
    }
}

#[async_trait]
impl Broker for ManualBroker {
    async fn publish(&self, envelope: &Envelope) -> Result<(), BrokerError> {
        self.publishes.record(envelope);
        if envelope.subject == self.refused_subject {
            return Err(BrokerError("refused".to_owned()));
        }

        self.confirms.acquire().await.map_err(|error| BrokerError(error.to_string()))?.forget();
        Ok(())
    }

    async fn consume(&self, _: Queue, _: Arc<dyn Handler>, stop: CancellationToken) {
        stop.cancelled().await;
    }

    async fn take_dead_letter(&self, _: Queue) -> Result<Option<Vec<u8>>, BrokerError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), BrokerError> {
        Ok(())
    }
}

/// A relay that stops when the test ends.
struct RunningRelay(CancellationToken);

impl RunningRelay {
    fn start(fixture: &Fixture, broker: Arc<dyn Broker>) -> Self {
        let relay = Relay::new(fixture.database.clone(), broker, "builder", Wake::default());
        let stop = CancellationToken::new();
        tokio::spawn(relay.run(stop.clone()));
        Self(stop)
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

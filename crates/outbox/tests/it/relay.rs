//! The relay: in order per subject, many subjects at once, again after a lost confirm, one holder at a time.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sea_orm::ConnectionTrait as _;
use slipway_broker::{
    Broker, Envelope, Handler, InProcess, Mischief, PublishError,
    topology::{CATALOG_BUILDS, Queue},
};
use slipway_fault::Fault;
use slipway_outbox::{Relay, Wake, append};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::worlds::{PATIENCE, World, event, sequences};

slipway_testrig::on_both_databases!(
    in_order_and_again_after_a_lost_confirm,
    one_of_each_subject_is_under_way,
    a_message_that_fails_holds_up_its_subject_alone,
    two_relays_are_one
);

/// What arrived, in order.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(String, i64)>>>);

impl Recorder {
    fn note(&self, envelope: &Envelope) {
        self.0.lock().unwrap().push((envelope.subject.clone(), envelope.sequence));
    }

    fn seen(&self) -> Vec<(String, i64)> {
        self.0.lock().unwrap().clone()
    }

    async fn wait_for(&self, count: usize) -> Vec<(String, i64)> {
        let began = Instant::now();
        while self.seen().len() < count {
            assert!(began.elapsed() < PATIENCE, "{count} messages, got {:?}", self.seen());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.seen()
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        self.note(envelope);
        Ok(())
    }
}

/// Confirms when it is told to, and never what is about one subject.
struct Slow {
    under_way: Recorder,
    confirms: Semaphore,
    refused: &'static str,
}

impl Slow {
    fn new(refused: &'static str) -> Arc<Self> {
        Arc::new(Self { under_way: Recorder::default(), confirms: Semaphore::new(0), refused })
    }
}

#[async_trait]
impl Broker for Slow {
    async fn publish(&self, envelope: &Envelope) -> Result<(), PublishError> {
        self.under_way.note(envelope);
        if envelope.subject == self.refused {
            return Err(PublishError("refused".to_owned()));
        }
        self.confirms.acquire().await.map_err(|error| PublishError(error.to_string()))?.forget();
        Ok(())
    }

    async fn consume(&self, _: Queue, _: Arc<dyn Handler>, stop: CancellationToken) {
        stop.cancelled().await;
    }

    async fn take_dead_letter(&self, _: Queue) -> Result<Option<Vec<u8>>, PublishError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), PublishError> {
        Ok(())
    }
}

/// A relay that stops with the test.
struct Running(CancellationToken);

impl Running {
    fn start(world: &World, broker: Arc<dyn Broker>) -> Self {
        let stop = CancellationToken::new();
        tokio::spawn(
            Relay::new(world.database.clone(), broker, "builder", Wake::default())
                .run(stop.clone()),
        );
        Self(stop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn in_order_and_again_after_a_lost_confirm(world: World) {
    for sequence in 1..=5 {
        for subject in ["a", "b", "c"] {
            world.write(subject, sequence).await;
        }
    }
    let rolled_back = world.database.begin().await.unwrap();
    append(&rolled_back, event("d", 1)).await.unwrap();
    rolled_back.rollback().await.unwrap();

    let broker = InProcess::default();
    broker.set_mischief(Mischief { lost_confirms: 4, ..Mischief::default() });
    let (recorder, stop) = (Recorder::default(), CancellationToken::new());
    tokio::spawn({
        let (broker, recorder, stop) = (broker.clone(), recorder.clone(), stop.clone());
        async move { broker.consume(CATALOG_BUILDS, Arc::new(recorder), stop).await }
    });
    let _running = Running::start(&world, Arc::new(broker));
    world.published(15).await;
    stop.cancel();

    let seen = recorder.seen();
    assert_eq!(seen.len(), 15 + 4, "a lost confirm sends again");
    for subject in ["a", "b", "c"] {
        let mut sequences = sequences(&seen, subject);
        sequences.dedup();
        assert_eq!(sequences, [1, 2, 3, 4, 5], "{subject}");
    }
}

async fn one_of_each_subject_is_under_way(world: World) {
    for sequence in 1..=3 {
        for subject in ["a", "b", "c"] {
            world.write(subject, sequence).await;
        }
    }
    let broker = Slow::new("");
    let _running = Running::start(&world, broker.clone());
    let mut first = broker.under_way.wait_for(3).await;
    first.sort();
    assert_eq!(
        first,
        [("a".to_owned(), 1), ("b".to_owned(), 1), ("c".to_owned(), 1)],
        "all at once before the first confirm, and one of each"
    );
    assert!(world.published(0).await.is_empty(), "nothing is published before it is confirmed");

    broker.confirms.add_permits(9);
    let published = world.published(9).await;
    for subject in ["a", "b", "c"] {
        assert_eq!(sequences(&published, subject), [1, 2, 3], "{subject}");
    }
    assert_eq!(broker.under_way.seen().len(), 9, "each once");
}

async fn a_message_that_fails_holds_up_its_subject_alone(world: World) {
    for sequence in 1..=3 {
        for subject in ["bad", "good"] {
            world.write(subject, sequence).await;
        }
    }
    let broker = Slow::new("bad");
    broker.confirms.add_permits(3);
    let _running = Running::start(&world, broker.clone());
    let published = world.published(3).await;
    assert_eq!(sequences(&published, "good"), [1, 2, 3]);
    let tried = sequences(&broker.under_way.seen(), "bad");
    assert!(
        !tried.is_empty() && tried.iter().all(|sequence| *sequence == 1),
        "later ones wait for the first: {tried:?}"
    );
}

async fn two_relays_are_one(world: World) {
    let broker = Slow::new("");
    let _running = (Running::start(&world, broker.clone()), Running::start(&world, broker.clone()));
    for sequence in 1..=5 {
        for subject in ["a", "b"] {
            world.write(subject, sequence).await;
        }
    }
    broker.under_way.wait_for(1).await;
    broker.confirms.add_permits(10);
    world.published(10).await;
    let seen = broker.under_way.seen();
    assert_eq!(
        (sequences(&seen, "a"), sequences(&seen, "b")),
        (vec![1, 2, 3, 4, 5], vec![1, 2, 3, 4, 5]),
        "each once, by one of the two"
    );

    // As if the holder had died: its lease runs out, and one of those that live goes on.
    let dead = "update lease set holder = '00000000-0000-0000-0000-000000000000', until = 1";
    world.database.writer().execute_unprepared(dead).await.unwrap();
    world.write("a", 6).await;
    broker.confirms.add_permits(1);
    world.published(11).await;
}

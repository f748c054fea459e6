//! The relay over the twin: in order per subject, again after a lost confirm, by one holder at a time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use sea_orm::ConnectionTrait as _;
use slipway_broker::{Broker as _, Envelope, Handler, InProcess, Mischief, topology::CATALOG_BUILDS};
use slipway_database::{Database, Settings};
use slipway_fault::Fault;
use slipway_outbox::{Event, Relay, SCHEMA, Wake, after, append, idempotency, lease};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(Default)]
struct Recorder(Mutex<Vec<(String, i64)>>);

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        self.0.lock().unwrap().push((envelope.subject.clone(), envelope.sequence));
        Ok(())
    }
}

async fn database(folder: &TempDir) -> Database {
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("outbox.sqlite").display());
    let database = Database::connect(&Settings { url, connections: 4 }).await.unwrap();
    database.writer().execute_unprepared(SCHEMA).await.unwrap();
    database
}

async fn write(database: &Database, subject: &str, sequence: i64) {
    let transaction = database.begin().await.unwrap();
    let event = Event { kind: "builder.build.queued".to_owned(), subject: subject.to_owned(), sequence, time: 0, data: serde_json::json!({}) };
    append(&transaction, event).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn in_order_and_again_after_a_lost_confirm() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder).await;
    for sequence in 1..=5 {
        for subject in ["a", "b", "c"] {
            write(&database, subject, sequence).await;
        }
    }
    let rolled_back = database.begin().await.unwrap();
    let event = Event { kind: "builder.build.queued".to_owned(), subject: "d".to_owned(), sequence: 1, time: 0, data: serde_json::json!({}) };
    append(&rolled_back, event).await.unwrap();
    rolled_back.rollback().await.unwrap();

    let broker = InProcess::default();
    broker.set_mischief(Mischief { lost_confirms: 4, ..Mischief::default() });
    let (recorder, stop) = (Arc::new(Recorder::default()), CancellationToken::new());
    tokio::spawn({
        let (broker, recorder, stop) = (broker.clone(), recorder.clone(), stop.clone());
        async move { broker.consume(CATALOG_BUILDS, recorder, stop).await }
    });
    tokio::spawn(Relay::new(database.clone(), Arc::new(broker), "builder", Wake::default()).run(stop.clone()));
    let all_published = async {
        while after(&database, "builder", 0, 100).await.unwrap().len() < 15 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_published).await.expect("everything is published");
    stop.cancel();

    let seen = recorder.0.lock().unwrap().clone();
    assert_eq!(seen.len(), 15 + 4, "a lost confirm sends again");
    for subject in ["a", "b", "c"] {
        let mut sequences: Vec<i64> = seen.iter().filter(|(own, _)| own == subject).map(|(_, sequence)| *sequence).collect();
        sequences.dedup();
        assert_eq!(sequences, [1, 2, 3, 4, 5], "{subject}");
    }
    let positions: Vec<i64> = after(&database, "builder", 0, 100).await.unwrap().iter().map(|entry| entry.position).collect();
    assert_eq!(positions, (1..=15).collect::<Vec<_>>(), "positions have no gaps");
}

#[tokio::test]
async fn one_holder_at_a_time() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder).await;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let hold = async |holder| {
        let transaction = database.begin().await.unwrap();
        let held = lease::hold(&database, &transaction, "duty", holder).await.unwrap();
        transaction.commit().await.unwrap();
        held
    };
    assert!(hold(first).await);
    assert!(hold(first).await, "renewed");
    assert!(!hold(second).await);
    database.writer().execute_unprepared("update lease set until = 1").await.unwrap();
    assert!(hold(second).await, "taken over");
    assert!(!hold(first).await);
}

#[tokio::test]
async fn a_request_id_answers_once() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder).await;
    let key = |hash: &str| idempotency::Key { caller: "alice".to_owned(), request_id: Uuid::nil(), hash: hash.to_owned() };
    let keep = async |answer: &str| {
        let transaction = database.begin().await.unwrap();
        idempotency::keep(&database, &transaction, &key("1"), answer).await.map(|()| transaction).map_err(|fault| fault.reason().as_str())
    };
    assert_eq!(idempotency::find(&database, database.reader(), &key("1")).await.unwrap(), None);
    keep("first").await.unwrap().commit().await.unwrap();
    assert_eq!(idempotency::find(&database, database.reader(), &key("1")).await.unwrap().as_deref(), Some("first"));
    assert_eq!(idempotency::find(&database, database.reader(), &key("2")).await.unwrap_err().reason().as_str(), "REQUEST_ID_REUSED");
    assert_eq!(keep("second").await.err(), Some("CONFLICT"));
}

//! An empty outbox on each database.

use std::time::Duration;

use slipway_database::Database;
use slipway_names::unit::{LogPosition, Micros, Sequence};
use slipway_outbox::{NewMessage, SCHEMA, append, entries_after};
use slipway_testrig::database::{TestDatabase, execute};

pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) struct Fixture {
    pub(crate) database: Database,
    _test_database: TestDatabase,
}

pub(crate) async fn fixture(database: TestDatabase) -> Fixture {
    execute(&database.database, slipway_database::SCHEMA).await;
    execute(&database.database, SCHEMA).await;

    Fixture { database: database.database.clone(), _test_database: database }
}

pub(crate) fn event(subject: &str) -> NewMessage {
    NewMessage {
        event_type: "builder.build.queued".to_owned(),
        subject: subject.to_owned(),
        time: Micros(0),
        data: serde_json::json!({}),
    }
}

impl Fixture {
    /// Returns the number that the message was given.
    pub(crate) async fn write(&self, subject: &str) -> Sequence {
        let transaction = self.database.begin().await.unwrap();
        let sequence = append(&transaction, event(subject)).await.unwrap();
        transaction.commit().await.unwrap();
        sequence
    }

    /// Waits until at least `count` messages are published, and returns the subject and sequence of
    /// all of them, by position.
    pub(crate) async fn published(&self, count: usize) -> Vec<(String, i64)> {
        let published = async {
            loop {
                let entries = entries_after(&self.database, "builder", LogPosition::ZERO, 1_000)
                    .await
                    .unwrap();
                if entries.len() >= count {
                    return entries;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let entries =
            tokio::time::timeout(WAIT_TIMEOUT, published).await.expect("everything is published");

        let positions: Vec<i64> = entries.iter().map(|entry| entry.position.get()).collect();
        let consecutive: Vec<i64> = (1..).take(entries.len()).collect();
        assert_eq!(positions, consecutive, "positions have no gaps");

        entries
            .into_iter()
            .map(|entry| (entry.envelope.subject, entry.envelope.sequence.get()))
            .collect()
    }
}

/// The sequence numbers of one subject, in the order of the list.
pub(crate) fn sequences(all: &[(String, i64)], subject: &str) -> Vec<i64> {
    all.iter().filter(|(own, _)| own == subject).map(|(_, sequence)| *sequence).collect()
}

//! An empty outbox on each database.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;
use slipway_database::{Database, Settings};
use slipway_outbox::{Event, SCHEMA, after, append};
use slipway_testrig::env;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A database, and what must live as long.
pub(crate) struct World {
    pub(crate) database: Database,
    _folder: TempDir,
}

pub(crate) async fn sqlite() -> World {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("outbox.sqlite").display());
    world(url, folder).await
}

pub(crate) async fn postgres() -> Option<World> {
    let server = env::server(env::POSTGRES)?;
    let name = format!("outbox_{}", Uuid::now_v7().simple());
    let admin = Database::connect(&Settings { url: server.clone(), connections: 1 }).await.unwrap();
    admin.writer().execute_unprepared(&format!("create database {name}")).await.unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    Some(world(url, TempDir::new().unwrap()).await)
}

async fn world(url: String, folder: TempDir) -> World {
    let database = Database::connect(&Settings { url, connections: 4 }).await.unwrap();
    database.writer().execute_unprepared(SCHEMA).await.unwrap();
    World { database, _folder: folder }
}

pub(crate) fn event(subject: &str, sequence: i64) -> Event {
    Event {
        kind: "builder.build.queued".to_owned(),
        subject: subject.to_owned(),
        sequence,
        time: 0,
        data: serde_json::json!({}),
    }
}

impl World {
    pub(crate) async fn write(&self, subject: &str, sequence: i64) {
        let transaction = self.database.begin().await.unwrap();
        append(&transaction, event(subject, sequence)).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Subject and sequence of what is published, by position, once there is so much of it.
    pub(crate) async fn published(&self, count: usize) -> Vec<(String, i64)> {
        let published = async {
            loop {
                let entries = after(&self.database, "builder", 0, 1_000).await.unwrap();
                if entries.len() >= count {
                    return entries;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let entries =
            tokio::time::timeout(PATIENCE, published).await.expect("everything is published");
        let positions: Vec<i64> = entries.iter().map(|entry| entry.position).collect();
        assert_eq!(
            positions,
            (1..).take(entries.len()).collect::<Vec<_>>(),
            "positions have no gaps"
        );
        entries.into_iter().map(|entry| (entry.envelope.subject, entry.envelope.sequence)).collect()
    }
}

/// Of one subject, in the order of the list.
pub(crate) fn sequences(all: &[(String, i64)], subject: &str) -> Vec<i64> {
    all.iter().filter(|(own, _)| own == subject).map(|(_, sequence)| *sequence).collect()
}

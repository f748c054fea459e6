//! Tables of the permission service. One call = one transaction; every change gets the next revision and hash.

mod answer;
mod change;
mod decision;
mod feed;
mod grant;
mod group;
mod object;
mod user;

use sea_orm_migration::{MigrationTrait, MigratorTrait};
use slipway_database::{Database, SqlMigration};
use slipway_outbox::Wake;
use tokio::sync::watch;

pub use change::Change;
pub use decision::Standing;
pub use feed::{FeedEntry, Snapshot};

/// The service's database.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    wake: Wake,
    changed: watch::Sender<()>,
}

impl Store {
    /// `wake` tells the relay of new rows.
    pub fn new(database: Database, wake: Wake) -> Self {
        Self { database, wake, changed: watch::Sender::new(()) }
    }

    /// The database itself, for health and the event log.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Told after each change made by this process.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// The migrations of this service.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(SqlMigration { name: "m0001_permission", sql: include_str!("schema.sql") }),
            Box::new(SqlMigration { name: "m0002_outbox", sql: slipway_outbox::SCHEMA }),
        ]
    }
}

//! Tables of the permission service. One call is one transaction; changes are numbered by the
//! policy version.

pub mod change;
mod check;
pub mod entities;
mod feed;
mod grant;
pub mod group;
pub mod object;
mod response;
mod user;

use sea_orm_migration::{MigrationTrait, MigratorTrait};
use slipway_database::{Database, SqlMigration};
use slipway_outbox::Wake;
use tokio::sync::watch;

/// The database of the service.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    wake: Wake,
    changed: watch::Sender<()>,
}

impl Store {
    /// `wake` wakes the relay after new outbox rows.
    pub fn new(database: Database, wake: Wake) -> Self {
        Self { database, wake, changed: watch::Sender::new(()) }
    }

    /// Notifies after each change that this process commits. Changes of other replicas do not
    /// notify.
    pub fn changed(&self) -> watch::Receiver<()> {
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
            Box::new(SqlMigration { name: "m0002_database", sql: slipway_database::SCHEMA }),
            Box::new(SqlMigration { name: "m0003_outbox", sql: slipway_outbox::SCHEMA }),
        ]
    }
}

//! Tables of the catalog. One call = one transaction.

mod access;
mod image;
mod list;
mod progress;
mod queue;
mod revision;

use sea_orm_migration::{MigrationTrait, MigratorTrait};
use slipway_database::{Database, SqlMigration};
use slipway_outbox::Wake;

pub(crate) use access::etag_mismatch;
pub use list::{Filter, Order, keys};
pub use progress::{Report, Settled};
pub use queue::Queue;

/// The service's database.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    wake: Wake,
}

impl Store {
    /// `wake` tells the relay of new rows.
    pub fn new(database: Database, wake: Wake) -> Self {
        Self { database, wake }
    }

    /// The database itself, for health, the projection and the event log.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// The migrations of this service.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(SqlMigration { name: "m0001_catalog", sql: include_str!("schema.sql") }),
            Box::new(SqlMigration { name: "m0002_outbox", sql: slipway_outbox::SCHEMA }),
            Box::new(SqlMigration { name: "m0003_access", sql: slipway_access::SCHEMA }),
        ]
    }
}

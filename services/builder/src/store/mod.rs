//! Tables of the builder. One call = one transaction; every arrow is one guarded UPDATE and one outbox row.

mod arrow;
mod build;
mod log_chunk;
mod worker;

use sea_orm_migration::{MigrationTrait, MigratorTrait};
use slipway_database::{Database, SqlMigration};
use slipway_outbox::Wake;

pub use worker::LEASE;

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
            Box::new(SqlMigration { name: "m0001_builder", sql: include_str!("schema.sql") }),
            Box::new(SqlMigration { name: "m0002_outbox", sql: slipway_outbox::SCHEMA }),
            Box::new(SqlMigration { name: "m0003_access", sql: slipway_access::SCHEMA }),
        ]
    }
}

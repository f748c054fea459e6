//! Tables of the catalog. One call is one transaction.

pub mod access;
pub mod build;
pub mod build_request;
pub mod create;
pub mod entities;
mod event;
pub mod image;
pub mod list;
pub mod revision;
pub mod waiting_builds;

use sea_orm_migration::{MigrationTrait, MigratorTrait};
use slipway_authz::projection;
use slipway_database::{Database, SqlMigration};
use slipway_outbox::Wake;

/// The database of the service.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    wake: Wake,
}

impl Store {
    /// `wake` wakes the relay after each commit that appends to the outbox.
    pub fn new(database: Database, wake: Wake) -> Self {
        Self { database, wake }
    }

    /// The database itself, for the projection.
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
            Box::new(SqlMigration { name: "m0002_database", sql: slipway_database::SCHEMA }),
            Box::new(SqlMigration { name: "m0003_outbox", sql: slipway_outbox::SCHEMA }),
            Box::new(SqlMigration { name: "m0004_access", sql: projection::SCHEMA }),
        ]
    }
}

//! Tables of the builder. Each call is one transaction. Each transition is one guarded UPDATE and
//! one outbox row.

mod attempt;
mod build;
mod coordinator;
pub mod entities;
mod log;
mod queue;
pub mod transition;

use std::sync::Arc;

use sea_orm::DatabaseTransaction;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use slipway_database::{Database, SqlMigration, StoreError};
use slipway_names::unit::Micros;
use slipway_outbox::{NewMessage, Wake, append};
use tokio::sync::Notify;

use crate::{
    domain::build::Build,
    messages::build::{event_type, state_changed},
};

/// The service's database.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    wake: Wake,
    /// Notified of each change of a build by this process.
    changed: Arc<Notify>,
}

impl Store {
    /// `wake` notifies the relay of new outbox rows.
    pub fn new(database: Database, wake: Wake) -> Self {
        Self { database, wake, changed: Arc::default() }
    }

    /// The database itself, for health checks, the access projection and the event log.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Commits a change of a build, and wakes the relay and the worker.
    async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), StoreError> {
        transaction.commit().await?;
        self.wake.wake();
        self.changed.notify_one();
        Ok(())
    }
}

/// Appends the event of a change to the outbox. Returns the build with the event's `sequence`,
/// which the caller must write to the build's row in the same transaction.
async fn append_change(
    transaction: &DatabaseTransaction,
    build: Build,
    now: Micros,
) -> Result<Build, StoreError> {
    let event = NewMessage {
        event_type: event_type(&build),
        subject: build.request.id.to_string(),
        time: now,
        data: serde_json::to_value(state_changed(&build, now)).map_err(StoreError::defect)?,
    };

    let sequence = append(transaction, event).await?;
    Ok(Build { sequence, ..build })
}

/// The migrations of this service.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(SqlMigration { name: "m0001_builder", sql: include_str!("schema.sql") }),
            Box::new(SqlMigration { name: "m0002_database", sql: slipway_database::SCHEMA }),
            Box::new(SqlMigration { name: "m0003_outbox", sql: slipway_outbox::SCHEMA }),
            Box::new(SqlMigration { name: "m0004_access", sql: slipway_authz::projection::SCHEMA }),
        ]
    }
}

//! A migration that is a SQL text for both databases.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait::async_trait,
};
use slipway_fault::Fault;

use crate::Database;

/// One file of SQL. `TEXT_BYTEWISE` stands for text that sorts by its bytes on either database.
#[derive(Debug)]
pub struct SqlMigration {
    /// Unique and sorting, such as `m0001_first`.
    pub name: &'static str,
    /// Statements, each ended by `;`.
    pub sql: &'static str,
}

impl MigrationName for SqlMigration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait has one lifetime more otherwise")]
impl MigrationTrait for SqlMigration {
    /// Killed midway, it has not happened; not every database does this by itself.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let text = match connection.get_database_backend() {
            DbBackend::Postgres => "text collate \"C\"",
            _ => "text",
        };
        connection.execute_unprepared(&self.sql.replace("TEXT_BYTEWISE", text)).await.map(|_| ())
    }
}

/// Names of migrations that have not been applied yet.
pub async fn pending<M: MigratorTrait>(database: &Database) -> Result<Vec<String>, Fault> {
    let pending = M::get_pending_migrations(database.writer()).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}

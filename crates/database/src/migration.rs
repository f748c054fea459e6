//! A migration with one SQL text for both databases.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait::async_trait,
};

use crate::{Database, StoreError};

/// One file of SQL. Its type `TEXT_BYTEWISE` is replaced by text that sorts by its bytes on both
/// databases.
#[derive(Debug)]
pub struct SqlMigration {
    /// Unique; migrations run in the order of their names, such as `m0001_first`.
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
    /// A migration that is killed midway leaves no trace. The default differs by database.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let text_bytewise = match connection.get_database_backend() {
            DbBackend::Postgres => "text collate \"C\"",
            _ => "text",
        };

        let sql = self.sql.replace("TEXT_BYTEWISE", text_bytewise);
        connection.execute_unprepared(&sql).await.map(|_| ())
    }
}

/// Names of the migrations that have not been applied yet.
///
/// # Errors
/// `DATABASE_UNAVAILABLE`, `INTERNAL`.
pub async fn pending_migrations<M: MigratorTrait>(
    database: &Database,
) -> Result<Vec<String>, StoreError> {
    let pending = M::get_pending_migrations(database.writer()).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}

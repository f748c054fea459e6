//! Connecting, transactions, and the database's clock.

use std::time::Duration;

use chrono::Utc;
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
    DbBackend, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};
use serde::{Deserialize, Serialize};
use slipway_fault::Fault;
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

/// Where the data lies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `postgres://user:password@host/database` or `sqlite:///path/to/file`.
    pub url: String,
    /// Connections at most; SQLite uses them for reading beside its one writer.
    #[serde(default = "default_connections")]
    pub connections: u32,
}

fn default_connections() -> u32 {
    8
}

/// A connected database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

impl Database {
    /// Connects lazily: a database that is down is a matter of readiness, not of starting.
    pub async fn connect(settings: &Settings) -> Result<Self, Fault> {
        if settings.url.starts_with("sqlite:") {
            let writer = sea_orm::Database::connect(sqlite(&settings.url, 1, false)).await?;
            let reader =
                sea_orm::Database::connect(sqlite(&settings.url, settings.connections, true))
                    .await?;
            return Ok(Self { writer, reader });
        }
        let mut options = ConnectOptions::new(&settings.url);
        options
            .max_connections(settings.connections)
            .acquire_timeout(Duration::from_secs(3))
            .connect_lazy(true)
            .sqlx_logging(false);
        // A process that stands still must not hold up the others by its locks.
        let limits = [
            ("statement_timeout", "30s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "15s"),
        ];
        options.map_sqlx_postgres_opts(move |postgres| postgres.options(limits));
        let pool = sea_orm::Database::connect(options).await?;
        Ok(Self { writer: pool.clone(), reader: pool })
    }

    /// For one statement that only reads.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// For one statement that writes.
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// A transaction that may write. SQLite takes its write lock at once, so that a read in it cannot go stale.
    pub async fn begin(&self) -> Result<DatabaseTransaction, Fault> {
        let options = TransactionOptions {
            isolation_level: None,
            access_mode: Some(AccessMode::ReadWrite),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        let options = if self.is_postgres() {
            options
        } else {
            TransactionOptions { access_mode: None, ..options }
        };
        Ok(self.writer.begin_with_options(options).await?)
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Postgres
    }

    /// Serializes all holders of the same key until the transaction ends. SQLite's one writer does so anyway.
    pub async fn serialize(
        &self,
        transaction: &DatabaseTransaction,
        key: i64,
    ) -> Result<(), Fault> {
        if self.is_postgres() {
            transaction
                .execute_raw(Statement::from_sql_and_values(
                    DbBackend::Postgres,
                    "select pg_advisory_xact_lock($1)",
                    [key.into()],
                ))
                .await?;
        }
        Ok(())
    }

    /// The time that leases go by, in microseconds: the database's own, which all replicas share.
    pub async fn now(&self, connection: &impl ConnectionTrait) -> Result<i64, Fault> {
        if !self.is_postgres() {
            return Ok(Utc::now().timestamp_micros());
        }
        let sql = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now";
        let row =
            connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        Ok(row.map(|row| row.try_get("", "now")).transpose()?.unwrap_or_default())
    }

    /// A statement with `$1`, `$2`, … for this database.
    pub fn statement<I: IntoIterator<Item = sea_orm::Value>>(
        &self,
        sql: impl Into<String>,
        values: I,
    ) -> Statement {
        Statement::from_sql_and_values(self.writer.get_database_backend(), sql, values)
    }

    /// Fails while the database does not answer.
    pub async fn ping(&self) -> Result<(), Fault> {
        Ok(self.reader.ping().await?)
    }
}

fn sqlite(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(10));
    options.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite.busy_timeout(Duration::from_secs(5)).foreign_keys(true);
        match read_only {
            true => sqlite.read_only(true),
            false => sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full),
        }
    });
    options
}

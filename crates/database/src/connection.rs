//! Connections, transactions and advisory locks.

use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
    DbBackend, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
    raw_sql, sea_query::Query,
};
use serde::{Deserialize, Serialize};
use slipway_names::unit::Micros;
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

use crate::{
    StoreError,
    clock::{Clock, process_time},
};

const POSTGRES_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits of every PostgreSQL session: the locks of a process that hangs must not stop the others.
const POSTGRES_LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "15s"),
];

/// Configuration of a service's database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `postgres://user:password@host/database` or `sqlite:///path/to/file`.
    pub url: String,
    /// The largest number of connections. SQLite uses them for reads, in addition to its one
    /// writer.
    #[serde(default = "default_connections")]
    pub connections: u32,
}

fn default_connections() -> u32 {
    8
}

impl Settings {
    /// The defaults of every other key.
    pub fn new(url: String) -> Self {
        Self { url, connections: default_connections() }
    }
}

/// A connected database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

impl Database {
    /// PostgreSQL connects at the first use: a service starts without its database and is not ready
    /// until the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when a SQLite file cannot be opened, [`StoreError::Defect`] for
    /// a malformed URL.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        if settings.url.starts_with("sqlite:") {
            Self::connect_sqlite(settings).await
        } else {
            Self::connect_postgres(settings).await
        }
    }

    async fn connect_sqlite(settings: &Settings) -> Result<Self, StoreError> {
        let writer = sqlite_options(&settings.url, 1, false);
        let reader = sqlite_options(&settings.url, settings.connections, true);

        // The writer connects first: it creates the file.
        Ok(Self {
            writer: sea_orm::Database::connect(writer).await?,
            reader: sea_orm::Database::connect(reader).await?,
        })
    }

    async fn connect_postgres(settings: &Settings) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new(&settings.url);
        options
            .max_connections(settings.connections)
            .acquire_timeout(POSTGRES_ACQUIRE_TIMEOUT)
            .connect_lazy(true)
            .sqlx_logging(false);
        options.map_sqlx_postgres_opts(|postgres| postgres.options(POSTGRES_LIMITS));

        let pool = sea_orm::Database::connect(options).await?;
        Ok(Self { writer: pool.clone(), reader: pool })
    }

    /// For a single statement that only reads.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// For a single statement that writes, and for one whose answer decides about a write: on
    /// SQLite it waits for the transaction that is writing.
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins a transaction that may write. SQLite takes its write lock at once, so that a read in
    /// the transaction cannot become stale before the write. Dropping the transaction rolls it
    /// back.
    ///
    /// # Errors
    /// `DATABASE_UNAVAILABLE`, `CONFLICT`.
    pub async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            isolation_level: None,
            access_mode: self.is_postgres().then_some(AccessMode::ReadWrite),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        Ok(self.writer.begin_with_options(options).await?)
    }

    pub fn is_postgres(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Postgres
    }

    /// Waits until no other transaction holds the key, and holds it until the transaction ends.
    /// SQLite needs no lock: it has one writer.
    ///
    /// # Errors
    /// `DATABASE_UNAVAILABLE`, also when the lock is not free within 10 s; `CONFLICT`.
    pub async fn take_advisory_lock(
        &self,
        transaction: &DatabaseTransaction,
        key: i64,
    ) -> Result<(), StoreError> {
        if !self.is_postgres() {
            return Ok(());
        }

        transaction.execute_raw(raw_sql!(Postgres, "select pg_advisory_xact_lock({key})")).await?;
        Ok(())
    }

    /// The clock for times that are stored or compared in this database.
    pub fn clock(&self) -> Clock {
        if self.is_postgres() { Clock::Server } else { Clock::Process }
    }

    /// The current time by [`Database::clock`]. A statement that only compares with the time does
    /// better with [`Clock::now`].
    ///
    /// # Errors
    /// `DATABASE_UNAVAILABLE`.
    pub async fn now(&self, connection: &impl ConnectionTrait) -> Result<Micros, StoreError> {
        if !self.is_postgres() {
            return Ok(process_time());
        }

        let now = Query::select().expr_as(self.clock().now(), "now").take();
        let row = connection.query_one(&now).await?;

        let row = row.ok_or_else(|| StoreError::defect("`select` without a table gave no row"))?;
        Ok(row.try_get("", "now")?)
    }

    /// A statement without parameters for this database.
    pub fn statement(&self, sql: impl Into<String>) -> Statement {
        Statement::from_string(self.writer.get_database_backend(), sql)
    }

    /// Fails with `DATABASE_UNAVAILABLE` while the database does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
    }
}

fn sqlite_options(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .sqlx_logging(false)
        .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT);

    options.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite.busy_timeout(SQLITE_BUSY_TIMEOUT).foreign_keys(true);
        if read_only {
            sqlite.read_only(true)
        } else {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
        }
    });
    options
}

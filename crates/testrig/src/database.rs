//! Databases of tests, on SQLite and PostgreSQL.

use std::path::Path;

use sea_orm::ConnectionTrait as _;
use slipway_database::{Database, Settings};
use tempfile::TempDir;
use uuid::Uuid;

use crate::env;

const CONNECTIONS: u32 = 8;

/// A new database without tables, for one test.
#[derive(Debug)]
pub struct TestDatabase {
    pub database: Database,
    pub url: String,
    /// Deletes a SQLite file when the test ends.
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// A database in a temporary file.
    ///
    /// # Panics
    /// If it cannot be created.
    pub async fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = sqlite_url(&folder.path().join("test.sqlite"));

        Self { database: connect(&url).await, url, _folder: Some(folder) }
    }

    /// A database on the server [`env::POSTGRES`]. `None` if there is no server: the test must
    /// return.
    ///
    /// # Panics
    /// If it cannot be created.
    pub async fn postgres() -> Option<Self> {
        let server = env::server(env::POSTGRES)?;
        let url = create_on_server(&server).await;

        Some(Self { database: connect(&url).await, url, _folder: None })
    }
}

/// The address of a database file, which is created by the first connection.
pub fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}?mode=rwc", file.display())
}

/// Creates an empty database on the server of another database's address. Returns its address.
///
/// # Panics
/// If it cannot be created.
pub async fn create_on_server(server: &str) -> String {
    let name = format!("test_{}", Uuid::now_v7().simple());
    let (address, _) = server.rsplit_once('/').expect("the server's address names a database");
    execute(&connect(server).await, &format!("create database {name}")).await;

    format!("{address}/{name}")
}

/// # Panics
/// If the address is invalid, or the file cannot be opened.
pub async fn connect(url: &str) -> Database {
    let settings = Settings { url: url.to_owned(), connections: CONNECTIONS };
    Database::connect(&settings).await.expect("the database can be opened")
}

/// Executes statements without parameters.
///
/// # Panics
/// If one fails.
pub async fn execute(database: &Database, sql: &str) {
    let executed = database.writer().execute_unprepared(sql).await;
    executed.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// The text column `row` of a query.
///
/// # Panics
/// If the query fails.
pub async fn rows(database: &Database, sql: &str) -> Vec<String> {
    let rows = database.reader().query_all_raw(database.statement(sql)).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}: {sql}"));

    rows.iter().map(|row| row.try_get("", "row").expect("a text column `row`")).collect()
}

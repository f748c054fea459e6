//! The tables of this crate on each database.

use slipway_database::SCHEMA;
use slipway_testrig::database::{TestDatabase, execute};

pub(crate) async fn fixture(database: TestDatabase) -> TestDatabase {
    execute(&database.database, SCHEMA).await;
    database
}

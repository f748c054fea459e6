//! What real databases answer, and which fault it becomes: by code, whatever the text says.

use sea_orm::ConnectionTrait as _;
use slipway_database::{Database, Settings};
use slipway_fault::{Fault, Reason};

use crate::worlds::{postgres, sqlite};

#[tokio::test]
async fn codes_of_postgres_decide() {
    let Some(world) = postgres().await else { return };
    let cases = [
        ("40001", Reason::Conflict),
        ("40P01", Reason::Conflict),
        ("55P03", Reason::DatabaseUnavailable),
        ("57014", Reason::DatabaseUnavailable),
        ("57P01", Reason::DatabaseUnavailable),
        ("53300", Reason::DatabaseUnavailable),
        ("08006", Reason::DatabaseUnavailable),
        ("22012", Reason::Internal),
    ];
    for (code, want) in cases {
        let sql = format!(
            "do $$ begin raise exception 'connection closed, could not serialize' using errcode = '{code}'; end $$"
        );
        let error = world.store.database().writer().execute_unprepared(&sql).await.unwrap_err();
        assert_eq!(Fault::from(error).reason(), want, "{code}");
    }
}

#[tokio::test]
async fn a_busy_sqlite_is_a_conflict() {
    let world = sqlite().await;
    let other =
        Database::connect(&Settings { url: world.url.clone(), connections: 1 }).await.unwrap();
    other.writer().execute_unprepared("pragma busy_timeout = 0").await.unwrap();
    let holding = world.store.database().begin().await.unwrap();
    assert_eq!(other.begin().await.unwrap_err().reason(), Reason::Conflict);
    holding.rollback().await.unwrap();
    other.begin().await.unwrap();
}

//! Errors of real databases become faults by their code, not by their text.

use sea_orm::ConnectionTrait as _;
use slipway_database::StoreError;
use slipway_fault::{Fault, Reason};
use slipway_testrig::database::{TestDatabase, connect, execute};

#[tokio::test]
async fn postgres_error_code_decides_the_reason() {
    let Some(test) = TestDatabase::postgres().await else { return };
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
            "do $$ begin
                raise exception 'connection closed, could not serialize' using errcode = '{code}';
            end $$"
        );
        let error = test.database.writer().execute_unprepared(&sql).await.unwrap_err();
        assert_eq!(Fault::from(StoreError::from(error)).reason(), want, "{code}");
    }
}

#[tokio::test]
async fn busy_sqlite_is_a_conflict() {
    let test = TestDatabase::sqlite().await;
    let other = connect(&test.url).await;
    execute(&other, "pragma busy_timeout = 0").await;

    let blocking = test.database.begin().await.unwrap();
    let busy = other.begin().await.unwrap_err();
    assert_eq!(Fault::from(busy).reason(), Reason::Conflict);

    blocking.rollback().await.unwrap();
    other.begin().await.unwrap();
}

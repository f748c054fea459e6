//! Contract suites of stores: each test runs on an empty SQLite database and on an empty PostgreSQL
//! database.

/// Generates two tests for each named function. `crate::fixtures::fixture` must be an async
/// function from a [`TestDatabase`](crate::database::TestDatabase) to the argument of the tests.
#[macro_export]
#[expect(clippy::crate_in_macro_def, reason = "the fixtures are those of the calling test crate")]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use $crate::database::TestDatabase;

            use crate::fixtures::fixture;

            #[tokio::test]
            async fn on_sqlite() {
                super::$name(fixture(TestDatabase::sqlite().await).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                if let Some(database) = TestDatabase::postgres().await {
                    super::$name(fixture(database).await).await;
                }
            }
        }
    )*};
}

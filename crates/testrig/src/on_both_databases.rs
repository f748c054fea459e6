//! One contract for every store: each test of the list on an empty database of each kind.

/// `crate::worlds` has to have `sqlite()`, and `postgres()` that is `None` where there is no server.
#[macro_export]
#[expect(clippy::crate_in_macro_def, reason = "the worlds are those of the tests that use it")]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                super::$name(crate::worlds::sqlite().await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                if let Some(world) = crate::worlds::postgres().await {
                    super::$name(world).await;
                }
            }
        }
    )*};
}

//! Outbox, relay, leases and idempotency, on SQLite and PostgreSQL.

/// Each test on each database.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                super::$name(crate::world::sqlite().await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                if let Some(world) = crate::world::postgres().await {
                    super::$name(world).await;
                }
            }
        }
    )*};
}

mod idempotency;
mod lease;
mod relay;
mod world;

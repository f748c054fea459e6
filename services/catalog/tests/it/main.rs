//! Contract suites of the catalog's store and use cases, on both databases.

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

mod access;
mod create;
mod faults;
mod list;
mod progress;
mod projection;
mod queue;
mod reconcile;
mod requests;
mod scripted;
mod worlds;

//! Contract of the permission service on each database, called over its RPCs within the process.

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

mod checks;
mod feed;
mod grants;
mod groups;
mod objects;
mod users;
mod worlds;

//! An empty store on each database.

use sea_orm::{ConnectionTrait as _, Statement};
use sea_orm_migration::MigratorTrait as _;
use slipway_builder::{
    domain::{build::Request, spec::Spec},
    store::{Migrator, Store},
};
use slipway_database::{Database, Settings};
use slipway_names::id::{BuildId, ImageId, UserId};
use slipway_outbox::Wake;
use slipway_testrig::env;
use tempfile::TempDir;
use uuid::Uuid;

/// A store, and what must live as long.
pub(crate) struct World {
    pub(crate) store: Store,
    _folder: TempDir,
}

pub(crate) async fn sqlite() -> World {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("builder.sqlite").display());
    world(url, folder).await
}

pub(crate) async fn postgres() -> Option<World> {
    let server = env::server(env::POSTGRES)?;
    let name = format!("builder_{}", Uuid::now_v7().simple());
    let admin = Database::connect(&Settings { url: server.clone(), connections: 1 }).await.unwrap();
    admin
        .writer()
        .execute_raw(Statement::from_string(
            sea_orm::DbBackend::Postgres,
            format!("create database {name}"),
        ))
        .await
        .unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    Some(world(url, TempDir::new().unwrap()).await)
}

async fn world(url: String, folder: TempDir) -> World {
    let database = Database::connect(&Settings { url, connections: 8 }).await.unwrap();
    Migrator::up(database.writer(), None).await.unwrap();
    World { store: Store::new(database, Wake::default()), _folder: folder }
}

/// A request of a new image.
pub(crate) fn request(base: &str, apt: &[&str]) -> Request {
    Request {
        id: BuildId::new(),
        image: ImageId::new(),
        image_name: "vision/tools".to_owned(),
        revision: 1,
        requester: UserId::derive("test", "alice"),
        spec: Spec {
            base_reference: base.to_owned(),
            apt: apt.iter().map(ToString::to_string).collect(),
            ..Spec::default()
        },
        repository: "localhost:5000/vision/tools-00000000".to_owned(),
        request_time: 1,
        access_revision: 0,
    }
}

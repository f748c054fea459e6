//! An empty store on each database, and what tests put into it.

use sea_orm::{ConnectionTrait as _, Statement};
use sea_orm_migration::MigratorTrait as _;
use slipway_access::{Applied, apply_snapshot};
use slipway_catalog::{
    domain::{
        access::Access,
        build::BuildProgress,
        image::{Image, ImageSource, ImageState, ImageType},
        revision::{Artifact, Revision, RevisionState},
        spec::Spec,
    },
    store::{Migrator, Queue, Store},
};
use slipway_database::{Database, Settings};
use slipway_names::id::{BuildId, ImageId, ObjectId, UserId};
use slipway_outbox::{Wake, idempotency::Key};
use slipway_testrig::env;
use slipway_wire::permission::v1 as wire;
use tempfile::TempDir;
use uuid::Uuid;

/// A store, and what must live as long.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    /// Who applies grants.
    pub(crate) holder: Uuid,
}

pub(crate) async fn sqlite() -> World {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("catalog.sqlite").display());
    world(url, folder).await
}

pub(crate) async fn postgres() -> Option<World> {
    let server = env::server(env::POSTGRES)?;
    let name = format!("catalog_{}", Uuid::now_v7().simple());
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
    let database = Database::connect(&Settings { url: url.clone(), connections: 8 }).await.unwrap();
    Migrator::up(database.writer(), None).await.unwrap();
    World { store: Store::new(database, Wake::default()), url, folder, holder: Uuid::now_v7() }
}

impl World {
    /// Both steps of a create.
    pub(crate) async fn create(&self, image: &Image, revision: &Revision) -> Image {
        let reserved = self.store.reserve(image.clone(), revision, None).await.unwrap();
        self.store.finish_create(&reserved, revision, 0, &queue(100)).await.unwrap().unwrap()
    }

    /// From now on these users, and no others, have these roles on everything.
    pub(crate) async fn grant(&self, roles: &[(UserId, wire::Role)]) {
        let grants = roles.iter().map(|(user, role)| grant(Uuid::now_v7(), *user, (*role).into()));
        let snapshot = wire::GrantsSnapshot {
            revision: 1,
            hash: "1".to_owned(),
            grants: grants.collect(),
            memberships: Vec::new(),
            last: true,
        };
        assert_eq!(
            apply_snapshot(self.store.database(), self.holder, &snapshot).await.unwrap(),
            Applied::Yes
        );
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.store.database().writer().execute_unprepared(sql).await.unwrap();
    }

    /// One column of a statement, as text.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let database = self.store.database();
        let rows = database.writer().query_all_raw(database.statement(sql, [])).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", "row").unwrap()).collect()
    }

    /// `<type> <number>` of everything that was told about a subject.
    pub(crate) async fn events(&self, subject: impl std::fmt::Display) -> Vec<String> {
        self.rows(&format!("select kind || ' ' || sequence as row from outbox where subject = '{subject}' order by sequence")).await
    }

    pub(crate) async fn count(&self, table: &str) -> usize {
        self.rows(&format!("select 'x' as row from {table}")).await.len()
    }
}

/// A grant on the platform, which reaches everything.
pub(crate) fn grant(id: Uuid, user: UserId, role: i32) -> wire::Grant {
    wire::Grant {
        id: id.to_string(),
        object: Some(wire::ObjectReference {
            kind: wire::ObjectKind::Platform.into(),
            id: ObjectId::PLATFORM.to_string(),
        }),
        subject: Some(wire::Subject { kind: wire::SubjectKind::User.into(), id: user.to_string() }),
        role,
        expire_time: None,
    }
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::derive("test", name)
}

/// `system/<name>`
pub(crate) fn image(name: &str) -> Image {
    Image {
        id: ImageId::new(),
        owner: None,
        owner_name: "system".to_owned(),
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: String::new(),
        kind: ImageType::Cpu,
        source: ImageSource::Custom,
        state: ImageState::Creating,
        access: Access::default(),
        access_revision: 0,
        active_revision: 0,
        latest_revision: 1,
        creator: user("alice"),
        create_time: 0,
        update_time: 0,
        sequence: 0,
        edits: 1,
    }
}

/// A first revision that is READY at once.
pub(crate) fn existing(image: &Image) -> Revision {
    let artifact = Artifact {
        reference: "localhost:5000/a/b:1".to_owned(),
        digest: "sha256:1".to_owned(),
        platforms: vec!["linux/amd64".to_owned()],
        size_bytes: 1,
    };
    Revision {
        image: image.id,
        number: 1,
        state: RevisionState::Ready,
        artifact: Some(artifact),
        gpu_artifact: None,
        spec: None,
        build: None,
        progress: BuildProgress::default(),
        create_time: 0,
        creator: user("alice"),
    }
}

/// A first revision whose build waits, and the build.
pub(crate) fn built(image: &Image) -> (Revision, BuildId) {
    let build = BuildId::new();
    let spec = Spec {
        base_reference: "localhost:5000/base:1".to_owned(),
        apt: vec!["jq".to_owned()],
        ..Spec::default()
    };
    let progress = BuildProgress { state: "queued".to_owned(), ..BuildProgress::default() };
    let revision = Revision {
        state: RevisionState::Building,
        artifact: None,
        spec: Some(spec),
        build: Some(build),
        progress,
        ..existing(image)
    };
    (revision, build)
}

pub(crate) fn queue(waiting_at_most: u32) -> Queue {
    Queue { repository: "localhost:5000/system/x".to_owned(), waiting_at_most }
}

/// A new request id with this body.
pub(crate) fn key(hash: &str) -> Key {
    Key { caller: user("alice").to_string(), request_id: Uuid::now_v7(), hash: hash.to_owned() }
}

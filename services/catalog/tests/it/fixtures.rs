//! An empty store on each database, and sample images and revisions.

use std::{fmt::Display, time::Duration};

use sea_orm_migration::MigratorTrait as _;
use slipway_authz::{
    projection::{
        apply::{ApplyOutcome, apply_snapshot},
        condition::Viewer,
    },
    role::Role,
};
use slipway_catalog::{
    domain::{
        access::Access,
        artifact::Artifact,
        image::{Image, ImageSource, NewImage},
        image_type::ImageType,
        revision::{Draft, Revision},
        spec::Spec,
    },
    store::{
        Migrator, Store,
        create::{FinishOutcome, ReserveOutcome},
        waiting_builds::BuildSettings,
    },
};
use slipway_database::idempotency::RequestKey;
use slipway_names::{
    id::{BuildId, ImageId, ObjectId, RequestId, UserId},
    revision::RevisionNumber,
    unit::PolicyVersion,
};
use slipway_outbox::Wake;
use slipway_testrig::database::{self, TestDatabase};
use slipway_wire::permission::v1 as wire;
use uuid::Uuid;

/// An age that every row has.
pub(crate) const ANY_AGE: Duration = Duration::ZERO;
/// An age that no row has.
pub(crate) const ONE_MINUTE_AGE: Duration = Duration::from_secs(60);

/// A store on a database of its own.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    /// The holder of the lease under which grants are applied.
    holder: Uuid,
    _test_database: TestDatabase,
}

pub(crate) async fn fixture(database: TestDatabase) -> Fixture {
    Migrator::up(database.database.writer(), None).await.unwrap();

    let store = Store::new(database.database.clone(), Wake::default());
    Fixture { store, holder: Uuid::now_v7(), _test_database: database }
}

impl Fixture {
    /// The first step of a create, without a request id.
    pub(crate) async fn reserve(&self, image: &NewImage, draft: Draft) -> (Image, Revision) {
        reserved(self.store.reserve_image(image.clone(), draft, None).await.unwrap())
    }

    /// The second step of a create. At most `max_waiting` builds of the owner may wait.
    pub(crate) async fn finish(
        &self,
        (image, revision): &(Image, Revision),
        max_waiting: u32,
    ) -> FinishOutcome {
        let queue = queue(max_waiting);
        self.store.finish_create(image, revision, policy_version(1), &queue).await.unwrap()
    }

    /// Both steps of a create. Returns the image, and its revision as it was reserved.
    pub(crate) async fn create(&self, image: &NewImage, draft: Draft) -> (Image, Revision) {
        let (image, revision) = self.reserve(image, draft).await;
        let finished =
            self.store.finish_create(&image, &revision, PolicyVersion::ZERO, &queue(100)).await;

        (self::finished(finished.unwrap()), revision)
    }

    /// An image that exists.
    pub(crate) async fn image(&self, id: ImageId) -> Image {
        self.store.image(id).await.unwrap().unwrap()
    }

    /// A revision that exists.
    pub(crate) async fn revision(&self, image: ImageId, number: i32) -> Revision {
        let number = RevisionNumber::try_from(number).unwrap();
        self.store.revision(image, number).await.unwrap().unwrap()
    }

    /// The image as the user sees it, if it has the role.
    pub(crate) async fn visible_image(
        &self,
        id_or_name: &str,
        user: &str,
        role: Role,
    ) -> Option<Image> {
        let viewer = self.viewer(user);
        let detail = self.store.visible_image(id_or_name, viewer, role).await.unwrap();
        detail.map(|detail| detail.image)
    }

    pub(crate) fn viewer(&self, name: &str) -> Viewer {
        Viewer::new(self.store.database(), user(name))
    }

    /// Replaces all grants: these users have these roles on every object.
    pub(crate) async fn grant(&self, roles: &[(&str, Role)]) {
        let roles: Vec<_> = roles.iter().map(|(name, role)| (user(name), *role)).collect();
        self.grant_to(&roles).await;
    }

    /// As [`Fixture::grant`], by the ids of the users.
    pub(crate) async fn grant_to(&self, roles: &[(UserId, Role)]) {
        let grants = roles.iter().map(|(user, role)| grant(*user, *role));
        let snapshot = wire::GrantsSnapshot {
            policy_version: 1,
            hash: "1".to_owned(),
            grants: grants.collect(),
            memberships: Vec::new(),
            last: true,
        };

        let outcome = apply_snapshot(self.store.database(), self.holder, &snapshot).await.unwrap();
        assert_eq!(outcome, ApplyOutcome::Applied);
    }

    pub(crate) async fn execute(&self, sql: &str) {
        database::execute(self.store.database(), sql).await;
    }

    /// The column `row` of a query, as text.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        database::rows(self.store.database(), sql).await
    }

    /// `<type> <sequence>` of every message about a subject.
    pub(crate) async fn events(&self, subject: impl Display) -> Vec<String> {
        let sql = format!(
            "select event_type || ' ' || sequence as row from outbox
             where subject = '{subject}' order by sequence"
        );
        self.rows(&sql).await
    }

    pub(crate) async fn count(&self, table: &str) -> usize {
        self.rows(&format!("select 'x' as row from {table}")).await.len()
    }
}

/// The image of a successful reservation.
pub(crate) fn reserved(reserve: ReserveOutcome) -> (Image, Revision) {
    match reserve {
        ReserveOutcome::Reserved(reserved) => *reserved,
        refused => panic!("the image was not reserved: {refused:?}"),
    }
}

/// The image of a finished create.
pub(crate) fn finished(outcome: FinishOutcome) -> Image {
    match outcome {
        FinishOutcome::Finished(image) => *image,
        refused => panic!("the image was not finished: {refused:?}"),
    }
}

/// A grant on the platform, which covers every object.
fn grant(user: UserId, role: Role) -> wire::Grant {
    wire::Grant {
        id: Uuid::now_v7().to_string(),
        object: Some(wire::ObjectReference {
            kind: wire::ObjectKind::Platform.into(),
            id: ObjectId::PLATFORM.to_string(),
        }),
        subject: Some(wire::Subject { kind: wire::SubjectKind::User.into(), id: user.to_string() }),
        role: wire::Role::from(role).into(),
        expire_time: None,
    }
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::derive("test", name)
}

pub(crate) fn policy_version(number: i64) -> PolicyVersion {
    PolicyVersion::try_from(number).unwrap()
}

/// `system/<name>`
pub(crate) fn image(name: &str) -> NewImage {
    NewImage {
        id: ImageId::new(),
        owner: None,
        owner_name: "system".to_owned(),
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: String::new(),
        image_type: ImageType::Cpu,
        source: ImageSource::Custom,
        access: Access::default(),
        creator: user("alice"),
    }
}

/// A revision without a build; it is READY at once.
pub(crate) fn existing() -> Draft {
    let artifact = Artifact {
        reference: "localhost:5000/a/b:1".to_owned(),
        digest: "sha256:1".to_owned(),
        platforms: vec!["linux/amd64".to_owned()],
        size: 1_u64.try_into().unwrap(),
    };
    Draft::existing(artifact, None, user("alice"))
}

/// A revision whose build waits.
pub(crate) fn custom() -> Draft {
    let spec = Spec {
        base_reference: "localhost:5000/base:1".to_owned(),
        apt: vec!["jq".to_owned()],
        ..Spec::default()
    };
    Draft::custom(spec, user("alice"))
}

/// The build of a custom revision.
pub(crate) fn build_of(revision: &Revision) -> BuildId {
    revision.build.as_ref().unwrap().id
}

pub(crate) fn queue(max_waiting: u32) -> BuildSettings {
    BuildSettings { registry: "localhost:5000".to_owned(), max_waiting }
}

/// A new request id, with this hash of the request.
pub(crate) fn key(hash: &str) -> RequestKey {
    RequestKey { caller: user("alice"), request_id: RequestId::new(), hash: hash.to_owned() }
}

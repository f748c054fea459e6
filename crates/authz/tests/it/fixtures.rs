//! An empty projection on each database, beside a table of items that grants protect.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use sea_orm::{EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set};
use slipway_authz::{
    projection::{
        SCHEMA,
        apply::{ApplyOutcome, apply_change, apply_snapshot},
        condition::Viewer,
    },
    role::Role,
};
use slipway_database::Database;
use slipway_names::{
    id::{GroupId, ObjectId, UserId},
    unit::{Micros, PolicyVersion},
};
use slipway_testrig::database::{TestDatabase, execute};
use slipway_wire::permission::v1::{
    self as wire, Grant, GrantMutation, GrantMutations, GrantsChange, GrantsSnapshot, Membership,
};
use uuid::Uuid;

/// Things that grants protect, as a service has them.
pub(crate) mod items {
    use sea_orm::entity::prelude::*;
    use slipway_names::{id::ObjectId, unit::PolicyVersion};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "items")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ObjectId,
        pub access_version: PolicyVersion,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) struct Fixture {
    test: TestDatabase,
    /// The holder of the lease under which grants are applied.
    holder: Uuid,
}

pub(crate) async fn fixture(test: TestDatabase) -> Fixture {
    let items = "create table items (id uuid primary key, access_version bigint not null)";
    for schema in [slipway_database::SCHEMA, SCHEMA, items] {
        execute(&test.database, schema).await;
    }

    Fixture { test, holder: Uuid::now_v7() }
}

impl Fixture {
    pub(crate) fn database(&self) -> &Database {
        &self.test.database
    }

    /// Replaces the projection by these grants and memberships, at policy version 1 with the hash
    /// `first`.
    pub(crate) async fn apply_snapshot(
        &self,
        grants: Vec<Grant>,
        memberships: Vec<Membership>,
    ) -> ApplyOutcome {
        let snapshot = GrantsSnapshot {
            policy_version: 1,
            hash: "first".to_owned(),
            grants,
            memberships,
            last: true,
        };
        apply_snapshot(self.database(), self.holder, &snapshot).await.unwrap()
    }

    pub(crate) async fn apply_change(&self, change: &GrantsChange) -> ApplyOutcome {
        apply_change(self.database(), self.holder, change).await.unwrap()
    }

    pub(crate) async fn create_item(&self, access_version: i64) -> ObjectId {
        let id = ObjectId::new();
        let item =
            items::ActiveModel { id: Set(id), access_version: Set(policy_version(access_version)) };

        items::Entity::insert(item).exec_without_returning(self.database().writer()).await.unwrap();
        id
    }

    /// The items on which the user has the role, by id.
    pub(crate) async fn items_of(&self, user: UserId, role: Role) -> Vec<ObjectId> {
        let viewer = Viewer::new(self.database(), user);

        let has_role = viewer.has_role(role, items::Column::Id, items::Column::AccessVersion);
        items::Entity::find()
            .select_only()
            .column(items::Column::Id)
            .filter(has_role)
            .order_by_asc(items::Column::Id)
            .into_tuple()
            .all(self.database().reader())
            .await
            .unwrap()
    }
}

pub(crate) fn policy_version(number: i64) -> PolicyVersion {
    PolicyVersion::try_from(number).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::derive("test", name)
}

pub(crate) fn subject(kind: wire::SubjectKind, id: impl ToString) -> wire::Subject {
    wire::Subject { kind: kind.into(), id: id.to_string() }
}

/// A grant without an expiry. The projection does not read the kind of the object.
pub(crate) fn grant(object: ObjectId, subject: wire::Subject, role: wire::Role) -> Grant {
    Grant {
        id: Uuid::now_v7().to_string(),
        object: Some(wire::ObjectReference {
            kind: wire::ObjectKind::Image.into(),
            id: object.to_string(),
        }),
        subject: Some(subject),
        role: role.into(),
        expire_time: None,
    }
}

/// A grant to one user on the platform, which covers every object.
pub(crate) fn platform_grant(name: &str, role: wire::Role) -> Grant {
    grant(ObjectId::PLATFORM, subject(wire::SubjectKind::User, user(name)), role)
}

pub(crate) fn expiring(grant: Grant, time: Micros) -> Grant {
    let expire_time = Some(chrono::DateTime::from(time).into());
    Grant { expire_time, ..grant }
}

/// The change after the one with the hash `previous`.
pub(crate) fn change(
    policy_version: i64,
    previous: &str,
    mutations: Vec<GrantMutation>,
) -> GrantsChange {
    let mutations = GrantMutations { mutations }.encode_to_vec();
    let bytes = [previous.as_bytes(), &mutations].concat();
    let hash = hex::encode(digest(&SHA256, &bytes));
    GrantsChange { policy_version, hash, mutations }
}

pub(crate) fn membership(group: GroupId, name: &str, admin: bool) -> Membership {
    Membership { group_id: group.to_string(), user_id: user(name).to_string(), admin }
}

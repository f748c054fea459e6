//! The data of `WatchGrants`: snapshots, and changes by policy version.

use sea_orm::{EntityTrait as _, PaginatorTrait as _, QueryFilter as _, raw_sql};
use slipway_database::{StoreError, raw_rows};
use slipway_names::unit::PolicyVersion;

use crate::{
    domain::{
        feed::{FeedEntry, FeedPosition, Snapshot},
        group::Membership,
    },
    store::{
        Store,
        entities::{changes, members},
        grant::all_grants,
    },
};

impl Store {
    /// Whether this database has ever been at this position.
    pub async fn has_position(&self, position: &FeedPosition) -> Result<bool, StoreError> {
        let found = changes::Entity::find_by_id(position.policy_version)
            .filter(changes::COLUMN.hash.eq(&position.hash))
            .count(self.database.reader())
            .await?;

        Ok(found > 0)
    }

    /// The next changes after a policy version, at most 500, in order.
    pub async fn changes_after(
        &self,
        policy_version: PolicyVersion,
    ) -> Result<Vec<FeedEntry>, StoreError> {
        let following = raw_sql!(
            Postgres,
            r#"
            select COLUMNS from changes
            where policy_version > {policy_version}
            order by policy_version
            limit 500
            "#
        );

        let reader = self.database.reader();
        let rows = raw_rows::<changes::Entity>(reader, following).all(reader).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Reads everything under the lock of changes, so that it belongs to one policy version.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let change = self.begin_change().await?;

        let grants = all_grants(change.transaction()).await?;
        let memberships = members::Entity::find().all(change.transaction()).await?;

        Ok(Snapshot {
            position: change.previous().clone(),
            grants,
            memberships: memberships.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<changes::Model> for FeedEntry {
    fn from(row: changes::Model) -> Self {
        let position = FeedPosition { policy_version: row.policy_version, hash: row.hash };

        Self { position, mutations: row.mutations }
    }
}

impl From<members::Model> for Membership {
    fn from(row: members::Model) -> Self {
        Self { group: row.group_id, user: row.user_id, admin: row.admin }
    }
}

//! What `WatchGrants` sends: snapshots and changes by revision.

use sea_orm::ConnectionTrait as _;
use slipway_fault::Fault;
use slipway_names::{
    grant::ObjectKind,
    id::{GroupId, UserId},
};

use crate::{
    domain::{grant::Grant, group::Membership},
    store::{Store, grant::grant},
};

/// One change as it was hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its number.
    pub revision: i64,
    /// Over the one before and the mutations.
    pub hash: String,
    /// Encoded GrantMutations.
    pub mutations: Vec<u8>,
}

/// Everything at one revision.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The revision.
    pub revision: i64,
    /// Its hash.
    pub hash: String,
    /// All grants, with the kinds of their objects.
    pub grants: Vec<(Grant, ObjectKind)>,
    /// All memberships.
    pub memberships: Vec<Membership>,
}

impl Store {
    /// Whether this revision ever had this hash here.
    pub async fn knows(&self, revision: i64, hash: &str) -> Result<bool, Fault> {
        let sql = "select revision from change where revision = $1 and hash = $2";
        Ok(self
            .database
            .reader()
            .query_one_raw(self.database.statement(sql, [revision.into(), hash.into()]))
            .await?
            .is_some())
    }

    /// Changes behind a revision, in order.
    pub async fn changes_after(&self, revision: i64) -> Result<Vec<FeedEntry>, Fault> {
        let sql = "select * from change where revision > $1 order by revision limit 500";
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(sql, [revision.into()]))
            .await?;
        rows.iter()
            .map(|row| {
                Ok(FeedEntry {
                    revision: row.try_get("", "revision")?,
                    hash: row.try_get("", "hash")?,
                    mutations: row.try_get("", "mutations")?,
                })
            })
            .collect()
    }

    /// Everything, at one revision: taken under the lock of changes.
    pub async fn snapshot(&self) -> Result<Snapshot, Fault> {
        let change = self.change().await?;
        let head = change.rows("select revision, hash from revision", []).await?;
        let head = head.first().ok_or_else(|| Fault::internal("revision has no row"))?;
        let mut snapshot = Snapshot {
            revision: head.try_get("", "revision")?,
            hash: head.try_get("", "hash")?,
            ..Snapshot::default()
        };
        for row in change
            .rows("select g.*, o.kind from role_grant g join object o on o.id = g.object_id", [])
            .await?
        {
            let kind: String = row.try_get("", "kind")?;
            snapshot.grants.push((grant(&row)?, kind.parse().map_err(Fault::internal)?));
        }
        for row in change.rows("select * from membership", []).await? {
            snapshot.memberships.push(Membership {
                group: GroupId(row.try_get("", "group_id")?),
                user: UserId(row.try_get("", "user_id")?),
                admin: row.try_get("", "admin")?,
            });
        }
        Ok(snapshot)
    }
}

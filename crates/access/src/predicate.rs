//! The SQL condition under which a user sees a row.

use sea_orm::Value;
use slipway_database::Database;
use slipway_fault::Fault;
use slipway_names::{grant::Role, id::UserId};

/// Who reads, at which time; its values are the statement's first two.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// The user.
    pub user: UserId,
    /// Microseconds since the epoch, for grants with an end.
    pub now: i64,
}

impl Reader {
    /// The user, now, by the database's clock.
    pub async fn now(database: &Database, user: UserId) -> Result<Self, Fault> {
        Ok(Self { user, now: database.now(database.reader()).await? })
    }

    /// For `$1` and `$2`.
    pub fn values(self) -> [Value; 2] {
        [self.user.0.into(), self.now.into()]
    }
}

/// True for rows whose object the reader has at least `role` on, once the projection has reached the row's `access_revision`.
///
/// `object` and `access_revision` are columns of the statement; `$1` and `$2` are [`Reader::values`].
pub fn sees(object: &str, access_revision: &str, role: Role) -> String {
    let member =
        "exists (select 1 from access_member m where m.user_id = $1 and m.group_id = g.subject_id";
    format!(
        "{access_revision} <= (select revision from access_state) and exists (select 1 from access_grant g \
         where g.object_id in ({object}, (select object_id from access_platform)) and g.role >= {rank} and (g.expire is null or g.expire > $2) and (\
         g.subject_kind = 'everyone' or (g.subject_kind = 'user' and g.subject_id = $1) \
         or (g.subject_kind = 'group' and {member})) or (g.subject_kind = 'group_admins' and {member} and m.admin))))",
        rank = role.rank(),
    )
}

//! The decision: the highest role that any grant gives a user on an object, in one statement.

use sea_orm::ConnectionTrait;
use slipway_database::Database;
use slipway_fault::Fault;
use slipway_names::{
    grant::Role,
    id::{ObjectId, UserId},
};

use crate::store::{Change, Store};

/// Whether the grant `g` counts: `$1` the user, `$2` now.
pub(super) const COUNTS: &str = "(g.expire is null or g.expire > $2) and (
        g.subject_kind = 'everyone'
        or (g.subject_kind = 'user' and g.subject_id = $1)
        or (g.subject_kind = 'group' and exists (select 1 from membership m where m.group_id = g.subject_id and m.user_id = $1))
        or (g.subject_kind = 'group_admins' and exists (select 1 from membership m where m.group_id = g.subject_id and m.user_id = $1 and m.admin))
    )";

/// What a user may do to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `None` where the object is not visible, or is not there.
    pub role: Option<Role>,
    /// The object's kind as stored; `None` where it is not there.
    pub kind: Option<String>,
    /// The revision of the decision.
    pub revision: i64,
}

impl Store {
    /// Decided on what is stored.
    pub async fn standing(&self, user: UserId, object: ObjectId) -> Result<Standing, Fault> {
        standing(&self.database, self.database.reader(), user, object).await
    }
}

impl Change<'_> {
    /// Decided on what is stored when nothing else can change any more.
    pub async fn standing(&self, user: UserId, object: ObjectId) -> Result<Standing, Fault> {
        standing(self.database(), self.transaction(), user, object).await
    }
}

async fn standing(
    database: &Database,
    connection: &impl ConnectionTrait,
    user: UserId,
    object: ObjectId,
) -> Result<Standing, Fault> {
    let now = database.now(connection).await?;
    let sql = format!(
        "select (select revision from revision) as revision, (select kind from object where id = $4) as kind,
            (select max(g.role) from role_grant g where g.object_id in ($3, $4) and {COUNTS}) as role"
    );
    let values = [user.0.into(), now.into(), ObjectId::PLATFORM.0.into(), object.0.into()];
    let row = connection.query_one_raw(database.statement(sql, values)).await?;
    let row = row.ok_or_else(|| Fault::internal("the decision has no row"))?;
    let kind: Option<String> = row.try_get("", "kind")?;
    let rank: Option<i32> = row.try_get("", "role")?;
    let role = Role::ALL.iter().copied().find(|role| Some(role.rank()) == rank);
    Ok(Standing {
        role: role.filter(|_| kind.is_some()),
        kind,
        revision: row.try_get("", "revision")?,
    })
}

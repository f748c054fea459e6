//! The decision: the highest role that any grant gives a user on an object, in one statement.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, FromQueryResult,
    sea_query::{Expr, Query},
};
use slipway_authz::{
    projection::condition::{GrantTables, Viewer, highest_role},
    role::Role,
};
use slipway_database::{Database, StoreError};
use slipway_names::{
    id::{ObjectId, UserId},
    unit::PolicyVersion,
};

use crate::{
    domain::check::EffectiveRole,
    store::{
        Store,
        change::Change,
        entities::{objects, policy_state},
    },
};

/// The tables of the access condition.
pub(super) const TABLES: GrantTables = GrantTables { grants: "grants", members: "members" };

/// Kind and role are read as raw values: one that only a newer version knows must mean no access,
/// not a failed query.
#[derive(FromQueryResult)]
struct Decision {
    policy_version: PolicyVersion,
    kind: Option<String>,
    rank: Option<i32>,
}

impl Store {
    pub async fn effective_role(
        &self,
        user: UserId,
        object: ObjectId,
    ) -> Result<EffectiveRole, StoreError> {
        effective_role(&self.database, self.database.reader(), user, object).await
    }
}

impl Change<'_> {
    /// Decides under the lock of changes, so that no other change can alter the answer.
    pub async fn effective_role(
        &self,
        user: UserId,
        object: ObjectId,
    ) -> Result<EffectiveRole, StoreError> {
        effective_role(self.database(), self.transaction(), user, object).await
    }
}

async fn effective_role(
    database: &Database,
    connection: &impl ConnectionTrait,
    user: UserId,
    object: ObjectId,
) -> Result<EffectiveRole, StoreError> {
    let viewer = Viewer::new(database, user);

    let policy_version = Query::select()
        .column(policy_state::Column::PolicyVersion)
        .from(policy_state::Entity)
        .take();
    let kind = Query::select()
        .column(objects::Column::Kind)
        .from(objects::Entity)
        .and_where(objects::Column::Id.eq(object))
        .take();
    let rank = viewer.held_grants(TABLES, Expr::val(object)).expr(highest_role()).take();
    let decision = Query::select()
        .expr_as(policy_version, "policy_version")
        .expr_as(kind, "kind")
        .expr_as(rank, "rank")
        .take();

    let decision = connection.get_database_backend().build(&decision);
    let decision = Decision::find_by_statement(decision).one(connection).await?;
    let decision = decision.ok_or_else(|| StoreError::defect("the decision gave no row"))?;

    let kind = decision.kind.and_then(|kind| kind.parse().ok());
    let role = Role::ALL.iter().copied().find(|role| Some(role.rank()) == decision.rank);
    Ok(EffectiveRole {
        role: role.filter(|_| kind.is_some()),
        kind,
        policy_version: decision.policy_version,
    })
}

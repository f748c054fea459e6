//! The access condition: whether a grant gives a user a role on an object. An expired grant gives
//! none.

use sea_orm::{
    ColumnTrait, Condition, ExprTrait as _,
    sea_query::{Expr, Query, SelectStatement},
};
use slipway_database::{
    Database,
    clock::Clock,
    column::{Text, constant},
};
use slipway_names::id::{ObjectId, UserId};

use crate::{
    projection::entities::{access_grants, access_members, access_state},
    role::Role,
    subject::SubjectKind,
};

/// The names of a table of grants and a table of memberships, with the columns of
/// [`access_grants`] and [`access_members`].
#[derive(Debug, Clone, Copy)]
pub struct GrantTables {
    pub grants: &'static str,
    pub members: &'static str,
}

/// The tables of the projection.
const PROJECTION: GrantTables = GrantTables { grants: "access_grants", members: "access_members" };

/// Aliases of the condition's tables. No table has one of these names, so that columns of the
/// statement around the condition keep their meaning inside it.
const GRANT: &str = "held_grant";
const MEMBERSHIP: &str = "held_membership";

/// The user for whom a statement selects rows.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    user: UserId,
    /// Grants that have expired by this clock give no access.
    clock: Clock,
}

impl Viewer {
    /// For statements to `database`.
    pub fn new(database: &Database, user: UserId) -> Self {
        Self { user, clock: database.clock() }
    }

    /// True for a row if the viewer has at least `role` on its `object`, and the projection has
    /// reached its `access_version`. `object` and `access_version` are columns of the statement
    /// around the condition.
    pub fn has_role<C: ColumnTrait>(self, role: Role, object: C, access_version: C) -> Condition {
        let reached = Query::select()
            .column(access_state::Column::PolicyVersion)
            .from(access_state::Entity)
            .take();
        let grant = self
            .held_grants(PROJECTION, qualified(object))
            .expr(Expr::cust("1"))
            .and_where(grant_column(access_grants::Column::Role).gte(constant(role)))
            .take();

        Condition::all().add(qualified(access_version).lte(reached)).add(Expr::exists(grant))
    }

    /// The columns of [`crate::projection::state::Contact`], each with the field that it fills.
    pub fn contact(self) -> [(Expr, &'static str); 2] {
        let last = Query::select()
            .column(access_state::Column::LastContact)
            .from(access_state::Entity)
            .take();

        [(last.into(), "last"), (self.clock.now(), "now")]
    }

    /// Selects the grants that give the viewer a role on `object`, which is a column or a value:
    /// grants on the object or the platform that have not expired. The caller adds what to select;
    /// [`highest_role`] is an example.
    pub fn held_grants(self, tables: GrantTables, object: Expr) -> SelectStatement {
        let objects = [object, Expr::val(ObjectId::PLATFORM)];
        let expire_time = || grant_column(access_grants::Column::ExpireTime);

        Query::select()
            .from_as(tables.grants, GRANT)
            .and_where(grant_column(access_grants::Column::ObjectId).is_in(objects))
            .and_where(expire_time().is_null().or(expire_time().gt(self.clock.now())))
            .cond_where(self.is_subject(tables))
            .take()
    }

    /// Whether the viewer belongs to the subject of the grant.
    fn is_subject(self, tables: GrantTables) -> Condition {
        let is = |kind| grant_column(access_grants::Column::SubjectKind).eq(constant(Text(kind)));
        let subject_id = || grant_column(access_grants::Column::SubjectId);

        let membership = Query::select()
            .expr(Expr::cust("1"))
            .from_as(tables.members, MEMBERSHIP)
            .and_where(membership_column(access_members::Column::UserId).eq(self.user))
            .and_where(membership_column(access_members::Column::GroupId).eq(subject_id()))
            .take();
        let admin_membership = membership
            .clone()
            .and_where(membership_column(access_members::Column::Admin).eq(constant(true)))
            .take();

        Condition::any()
            .add(is(SubjectKind::Everyone))
            .add(is(SubjectKind::User).and(subject_id().eq(self.user)))
            .add(is(SubjectKind::Group).and(Expr::exists(membership)))
            .add(is(SubjectKind::GroupAdmins).and(Expr::exists(admin_membership)))
    }
}

/// The highest role that the grants of [`Viewer::held_grants`] give; null without a grant.
pub fn highest_role() -> Expr {
    grant_column(access_grants::Column::Role).max()
}

fn grant_column(column: access_grants::Column) -> Expr {
    Expr::col((GRANT, column))
}

fn membership_column(column: access_members::Column) -> Expr {
    Expr::col((MEMBERSHIP, column))
}

/// The column with its table's name: a column of the same name inside the condition would hide it.
fn qualified(column: impl ColumnTrait) -> Expr {
    Expr::col(column.as_column_ref())
}

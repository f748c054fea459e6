//! Rows of groups and members.

use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, FromQueryResult, JoinType,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _, Set, TryInsertResult,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use slipway_authz::projection::condition::Viewer;
use slipway_database::StoreError;
use slipway_names::id::{GroupId, UserId};
use uuid::Uuid;

use crate::{
    domain::{
        event::DomainEvent,
        group::{Group, Member, Membership},
    },
    store::{
        Store,
        change::Change,
        check::TABLES,
        entities::{groups, members, objects, users},
    },
};

/// The outcome of [`Change::create_group`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum CreateOutcome {
    Created,
    /// Another group has the name.
    NameTaken,
}

#[derive(FromQueryResult)]
struct MemberRow {
    #[sea_orm(nested)]
    user: users::Model,
    admin: bool,
}

impl Store {
    pub async fn group(&self, name_or_id: &str) -> Result<Option<Group>, StoreError> {
        find(self.database.reader(), name_or_id).await
    }

    /// The next groups on which [`Store::effective_role`] finds a role for the user, by name.
    pub async fn visible_groups(
        &self,
        user: UserId,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Group>, StoreError> {
        let viewer = Viewer::new(&self.database, user);

        let id = || Expr::col((groups::Entity, groups::Column::Id));
        let object = Query::select()
            .expr(Expr::cust("1"))
            .from(objects::Entity)
            .and_where(objects::Column::Id.into_expr().eq(id()))
            .take();
        let grant = viewer.held_grants(TABLES, id()).expr(Expr::cust("1")).take();

        let rows = groups::Entity::find()
            .filter(groups::COLUMN.name.gt(after))
            .filter(Expr::exists(object))
            .filter(Expr::exists(grant))
            .order_by_asc(groups::Column::Name)
            .limit(limit)
            .all(self.database.reader())
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Names of the groups that the user is a member of, in order.
    pub async fn group_names_of(&self, user: UserId) -> Result<Vec<String>, StoreError> {
        let names = members::Entity::find()
            .join(JoinType::InnerJoin, members::Relation::Groups.def())
            .filter(members::COLUMN.user_id.eq(user))
            .select_only()
            .column(groups::Column::Name)
            .order_by_asc(groups::Column::Name)
            .into_tuple()
            .all(self.database.reader())
            .await?;

        Ok(names)
    }

    /// The next members of a group, by user id.
    pub async fn members(
        &self,
        group: GroupId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Member>, StoreError> {
        let mut select = users::Entity::find()
            .join_rev(JoinType::InnerJoin, members::Relation::Users.def())
            .column(members::Column::Admin)
            .filter(members::COLUMN.group_id.eq(group))
            .order_by_asc(users::Column::Id)
            .limit(limit);
        if let Some(after) = after {
            select = select.filter(users::COLUMN.id.gt(after));
        }

        let rows = select.into_model::<MemberRow>().all(self.database.reader()).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Change<'_> {
    pub async fn create_group(&mut self, group: &Group) -> Result<CreateOutcome, StoreError> {
        let row = groups::ActiveModel {
            id: Set(group.id),
            name: Set(group.name.clone()),
            display_name: Set(group.display_name.clone()),
            create_time: Set(group.create_time),
        };
        let inserted = groups::Entity::insert(row)
            .on_conflict_do_nothing_on([groups::Column::Name])
            .exec(self.transaction())
            .await?;

        match inserted {
            TryInsertResult::Inserted(_) => {
                self.record(DomainEvent::GroupCreated(group.clone()));
                Ok(CreateOutcome::Created)
            }
            TryInsertResult::Conflicted | TryInsertResult::Empty => Ok(CreateOutcome::NameTaken),
        }
    }

    pub async fn group(&self, name_or_id: &str) -> Result<Option<Group>, StoreError> {
        find(self.transaction(), name_or_id).await
    }

    /// Adds a member, or sets whether an existing one is an admin.
    pub async fn put_member(
        &mut self,
        membership: Membership,
        group_name: &str,
    ) -> Result<(), StoreError> {
        let row = members::ActiveModel {
            group_id: Set(membership.group),
            user_id: Set(membership.user),
            admin: Set(membership.admin),
        };
        let update = OnConflict::columns([members::Column::GroupId, members::Column::UserId])
            .update_column(members::Column::Admin)
            .action_and_where(members::COLUMN.admin.ne(membership.admin))
            .to_owned();

        let written = members::Entity::insert(row)
            .on_conflict(update)
            .exec_without_returning(self.transaction())
            .await?;
        if written > 0 {
            let group_name = group_name.to_owned();
            self.record(DomainEvent::MemberAdded { membership, group_name });
        }
        Ok(())
    }

    /// Removing a user who is not a member changes nothing.
    pub async fn remove_member(&mut self, group: &Group, user: UserId) -> Result<(), StoreError> {
        let deleted =
            members::Entity::delete_by_id((group.id, user)).exec(self.transaction()).await?;

        if deleted.rows_affected > 0 {
            let membership = Membership { group: group.id, user, admin: false };
            let group_name = group.name.clone();
            self.record(DomainEvent::MemberRemoved { membership, group_name });
        }
        Ok(())
    }
}

/// Finds one group at most, because a name never parses as an id.
async fn find(
    connection: &impl ConnectionTrait,
    name_or_id: &str,
) -> Result<Option<Group>, StoreError> {
    // PostgreSQL refuses a text with NUL.
    if name_or_id.contains('\0') {
        return Ok(None);
    }

    let id = GroupId(Uuid::try_parse(name_or_id).unwrap_or_default());
    let named =
        Condition::any().add(groups::COLUMN.name.eq(name_or_id)).add(groups::COLUMN.id.eq(id));

    let row = groups::Entity::find().filter(named).one(connection).await?;
    Ok(row.map(Into::into))
}

impl From<groups::Model> for Group {
    fn from(row: groups::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            display_name: row.display_name,
            create_time: row.create_time,
        }
    }
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        Self { user: row.user.into(), admin: row.admin }
    }
}

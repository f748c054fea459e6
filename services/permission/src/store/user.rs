//! Rows of users.

use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Set, sea_query::OnConflict,
};
use slipway_database::StoreError;
use slipway_names::id::UserId;

use crate::{
    domain::{event::DomainEvent, user::User},
    store::{Store, change::Change, entities::users},
};

impl Store {
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row = users::Entity::find_by_id(id).one(self.database.reader()).await?;

        Ok(row.map(Into::into))
    }

    /// The next users, by id.
    pub async fn users(&self, after: Option<UserId>, limit: u64) -> Result<Vec<User>, StoreError> {
        let mut select = users::Entity::find().order_by_asc(users::Column::Id).limit(limit);
        if let Some(after) = after {
            select = select.filter(users::COLUMN.id.gt(after));
        }

        let rows = select.all(self.database.reader()).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Change<'_> {
    /// Stores a user who made a call. The name follows the token, unless the token has none. There
    /// is no event for this.
    pub async fn put_seen_user(&self, user: User) -> Result<(), StoreError> {
        let mut update = OnConflict::column(users::Column::Id);
        update.update_column(users::Column::Seen);
        if !user.name.is_empty() {
            update.update_column(users::Column::Name);
        }

        users::Entity::insert(users::ActiveModel::from(user))
            .on_conflict(update)
            .exec_without_returning(self.transaction())
            .await?;
        Ok(())
    }

    /// Stores an invited user, or a new name of one who has not called yet. A user who has called
    /// stays unchanged.
    pub async fn invite_user(&mut self, user: User) -> Result<(), StoreError> {
        let is_renamed = Condition::all()
            .add(users::COLUMN.seen.eq(false))
            .add(users::COLUMN.name.ne(&user.name));
        let mut update = OnConflict::column(users::Column::Id);
        if user.name.is_empty() {
            update.do_nothing();
        } else {
            update.update_column(users::Column::Name).action_cond_where(is_renamed);
        }

        let written = users::Entity::insert(users::ActiveModel::from(user.clone()))
            .on_conflict(update)
            .exec_without_returning(self.transaction())
            .await?;
        if written > 0 {
            self.record(DomainEvent::UserInvited(user));
        }
        Ok(())
    }

    pub async fn has_user(&self, id: UserId) -> Result<bool, StoreError> {
        Ok(users::Entity::find_by_id(id).count(self.transaction()).await? > 0)
    }
}

impl From<users::Model> for User {
    fn from(row: users::Model) -> Self {
        Self {
            id: row.id,
            issuer: row.issuer,
            subject: row.subject,
            name: row.name,
            seen: row.seen,
            create_time: row.create_time,
        }
    }
}

impl From<User> for users::ActiveModel {
    fn from(user: User) -> Self {
        Self {
            id: Set(user.id),
            issuer: Set(user.issuer),
            subject: Set(user.subject),
            name: Set(user.name),
            seen: Set(user.seen),
            create_time: Set(user.create_time),
        }
    }
}

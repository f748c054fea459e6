//! Rows of grants.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, FromQueryResult, JoinType,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _, Select, SelectModel,
    Selector, Set,
};
use slipway_authz::object::ObjectKind;
use slipway_database::{StoreError, column::Text};
use slipway_names::id::{GrantId, ObjectId};

use crate::{
    domain::{event::DomainEvent, grant::Grant, subject::Subject},
    store::{
        Store,
        change::Change,
        entities::{grants, objects},
    },
};

/// A grant with the kind of its object.
#[derive(FromQueryResult)]
struct Row {
    #[sea_orm(nested)]
    grant: grants::Model,
    object_kind: Text<ObjectKind>,
}

impl Store {
    pub async fn grant(&self, id: GrantId) -> Result<Option<Grant>, StoreError> {
        find(self.database.reader(), id).await
    }

    /// The next grants of one object, ordered by id and with that from the oldest to the newest.
    pub async fn grants_of(
        &self,
        object: ObjectId,
        after: Option<GrantId>,
        limit: u64,
    ) -> Result<Vec<Grant>, StoreError> {
        let mut select = of_object(object).limit(limit);
        if let Some(after) = after {
            select = select.filter(grants::COLUMN.id.gt(after));
        }

        let rows = with_kind(select).all(self.database.reader()).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Change<'_> {
    pub async fn grant(&self, id: GrantId) -> Result<Option<Grant>, StoreError> {
        find(self.transaction(), id).await
    }

    /// All grants of one object, expired ones too.
    pub async fn grants_of(&self, object: ObjectId) -> Result<Vec<Grant>, StoreError> {
        let rows = with_kind(of_object(object)).all(self.transaction()).await?;

        Ok(rows.into_iter().map(Into::into).collect())
    }

    pub async fn create_grant(&mut self, grant: Grant) -> Result<(), StoreError> {
        let row = grants::ActiveModel {
            id: Set(grant.id),
            object_id: Set(grant.object),
            subject_kind: Set(Text(grant.subject.kind)),
            subject_id: Set(grant.subject.id),
            role: Set(grant.role),
            expire_time: Set(grant.expire_time),
            registered: Set(grant.registered),
        };
        grants::Entity::insert(row).exec_without_returning(self.transaction()).await?;

        self.record(DomainEvent::GrantCreated(grant));
        Ok(())
    }

    pub async fn delete_grant(&mut self, grant: Grant) -> Result<(), StoreError> {
        let deleted = grants::Entity::delete_by_id(grant.id).exec(self.transaction()).await?;
        if deleted.rows_affected > 0 {
            self.record(DomainEvent::GrantDeleted(grant));
        }

        Ok(())
    }
}

/// All grants of all objects, expired ones too.
pub(super) async fn all_grants(
    connection: &impl ConnectionTrait,
) -> Result<Vec<Grant>, StoreError> {
    let rows = with_kind(grants::Entity::find()).all(connection).await?;

    Ok(rows.into_iter().map(Into::into).collect())
}

async fn find(connection: &impl ConnectionTrait, id: GrantId) -> Result<Option<Grant>, StoreError> {
    let row = with_kind(grants::Entity::find_by_id(id)).one(connection).await?;

    Ok(row.map(Into::into))
}

fn of_object(object: ObjectId) -> Select<grants::Entity> {
    grants::Entity::find()
        .filter(grants::COLUMN.object_id.eq(object))
        .order_by_asc(grants::Column::Id)
}

fn with_kind(select: Select<grants::Entity>) -> Selector<SelectModel<Row>> {
    select
        .join(JoinType::InnerJoin, grants::Relation::Objects.def())
        .column_as(objects::Column::Kind, "object_kind")
        .into_model()
}

impl From<Row> for Grant {
    fn from(row: Row) -> Self {
        let grant = row.grant;

        Self {
            id: grant.id,
            object: grant.object_id,
            object_kind: row.object_kind.0,
            subject: Subject { kind: grant.subject_kind.0, id: grant.subject_id },
            role: grant.role,
            expire_time: grant.expire_time,
            registered: grant.registered,
        }
    }
}

//! Rows of objects.

use sea_orm::{EntityTrait as _, Set, TryInsertResult};
use slipway_database::{StoreError, column::Text};
use slipway_names::id::ObjectId;

use crate::{
    domain::object::Object,
    store::{change::Change, entities::objects},
};

/// The outcome of [`Change::put_object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum PutOutcome {
    /// The object is stored, now or since before.
    Stored,
    /// The id is stored with another kind or owner, which never change.
    Different,
}

impl Change<'_> {
    pub async fn put_object(&self, object: &Object) -> Result<PutOutcome, StoreError> {
        let row = objects::ActiveModel {
            id: Set(object.id),
            kind: Set(Text(object.kind)),
            owner_group: Set(object.owner),
        };
        let inserted = objects::Entity::insert(row)
            .on_conflict_do_nothing_on([objects::Column::Id])
            .exec_without_returning(self.transaction())
            .await?;
        if matches!(inserted, TryInsertResult::Inserted(1)) {
            return Ok(PutOutcome::Stored);
        }

        let is_stored = self.object(object.id).await? == Some(*object);
        if is_stored { Ok(PutOutcome::Stored) } else { Ok(PutOutcome::Different) }
    }

    pub async fn object(&self, id: ObjectId) -> Result<Option<Object>, StoreError> {
        let row = objects::Entity::find_by_id(id).one(self.transaction()).await?;

        Ok(row.map(Into::into))
    }

    /// The object's grants must be deleted before.
    pub async fn delete_object(&self, id: ObjectId) -> Result<(), StoreError> {
        objects::Entity::delete_by_id(id).exec(self.transaction()).await?;

        Ok(())
    }
}

impl From<objects::Model> for Object {
    fn from(row: objects::Model) -> Self {
        Self { id: row.id, kind: row.kind.0, owner: row.owner_group }
    }
}

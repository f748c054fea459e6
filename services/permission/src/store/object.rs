//! Rows of objects.

use sea_orm::QueryResult;
use slipway_fault::{Fault, Reason};
use slipway_names::{
    grant::ObjectKind,
    id::{GroupId, ObjectId},
};

use crate::{domain::object::Object, store::Change};

impl Change<'_> {
    /// Registers the object; one of this id keeps its kind and owner, and another kind or owner is refused.
    pub async fn put_object(&self, object: &Object) -> Result<(), Fault> {
        let sql = "insert into object (id, kind, owner_group) values ($1, $2, $3) on conflict (id) do nothing";
        self.execute(
            sql,
            [
                object.id.0.into(),
                object.kind.as_str().into(),
                object.owner.map(|owner| owner.0).into(),
            ],
        )
        .await?;
        match self.object(object.id).await? {
            Some(stored) if stored == *object => Ok(()),
            _ => Err(Fault::new(
                Reason::Conflict,
                "this object id is registered with another kind or owner",
            )
            .metadata("object", object.id)),
        }
    }

    /// The object of this id.
    pub async fn object(&self, id: ObjectId) -> Result<Option<Object>, Fault> {
        self.rows("select * from object where id = $1", [id.0.into()])
            .await?
            .first()
            .map(object)
            .transpose()
    }

    /// Forgets the object; its grants must be gone.
    pub async fn delete_object(&self, id: ObjectId) -> Result<(), Fault> {
        self.execute("delete from object where id = $1", [id.0.into()]).await.map(|_| ())
    }
}

fn object(row: &QueryResult) -> Result<Object, Fault> {
    let kind: String = row.try_get("", "kind")?;
    let owner: Option<uuid::Uuid> = row.try_get("", "owner_group")?;
    let kind: ObjectKind = kind.parse().map_err(Fault::internal)?;
    Ok(Object { id: ObjectId(row.try_get("", "id")?), kind, owner: owner.map(GroupId) })
}

//! Rows of grants.

use sea_orm::{ConnectionTrait as _, QueryResult};
use slipway_fault::Fault;
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GrantId, ObjectId},
};
use slipway_paging::Page;
use uuid::Uuid;

use crate::{
    domain::grant::{Grant, Subject},
    outbound::Told,
    store::{Change, Store},
};

const BY_ID: &str =
    "select g.*, o.kind from role_grant g join object o on o.id = g.object_id where g.id = $1";

impl Store {
    /// A grant and the kind of its object.
    pub async fn grant(&self, id: GrantId) -> Result<Option<(Grant, ObjectKind)>, Fault> {
        let row = self
            .database
            .reader()
            .query_one_raw(self.database.statement(BY_ID, [id.0.into()]))
            .await?;
        row.as_ref().map(grant_and_kind).transpose()
    }

    /// A page of one object's grants, oldest first.
    pub async fn grants_of(
        &self,
        object: ObjectId,
        page: &Page,
    ) -> Result<Vec<(Grant, ObjectKind)>, Fault> {
        let after = page
            .after
            .first()
            .and_then(|id| id.parse::<GrantId>().ok())
            .map_or(Uuid::nil(), |id| id.0);
        let sql = "select g.*, o.kind from role_grant g join object o on o.id = g.object_id where g.object_id = $1 and g.id > $2 order by g.id limit $3";
        let values = [object.0.into(), after.into(), page.limit().into()];
        let rows =
            self.database.reader().query_all_raw(self.database.statement(sql, values)).await?;
        rows.iter().map(grant_and_kind).collect()
    }
}

impl Change<'_> {
    /// A grant and the kind of its object, within the change.
    pub async fn grant(&self, id: GrantId) -> Result<Option<(Grant, ObjectKind)>, Fault> {
        self.rows(BY_ID, [id.0.into()]).await?.first().map(grant_and_kind).transpose()
    }

    /// All grants of one object.
    pub async fn grants_of(&self, object: ObjectId) -> Result<Vec<Grant>, Fault> {
        self.rows("select * from role_grant where object_id = $1 order by id", [object.0.into()])
            .await?
            .iter()
            .map(grant)
            .collect()
    }

    /// Adds a grant.
    pub async fn create_grant(&mut self, grant: Grant, kind: ObjectKind) -> Result<(), Fault> {
        let sql = "insert into role_grant (id, object_id, subject_kind, subject_id, role, expire, registered) values ($1, $2, $3, $4, $5, $6, $7)";
        let subject = grant.subject;
        let values = [
            grant.id.0.into(),
            grant.object.0.into(),
            subject.kind.as_str().into(),
            subject.id.into(),
            grant.role.rank().into(),
            grant.expire.into(),
            grant.registered.into(),
        ];
        self.execute(sql, values).await?;
        self.tell(Told::GrantCreated(grant, kind));
        Ok(())
    }

    /// Takes a grant away.
    pub async fn delete_grant(&mut self, grant: Grant, kind: ObjectKind) -> Result<(), Fault> {
        if self.execute("delete from role_grant where id = $1", [grant.id.0.into()]).await? > 0 {
            self.tell(Told::GrantDeleted(grant, kind));
        }
        Ok(())
    }
}

fn grant_and_kind(row: &QueryResult) -> Result<(Grant, ObjectKind), Fault> {
    let kind: String = row.try_get("", "kind")?;
    Ok((grant(row)?, kind.parse().map_err(Fault::internal)?))
}

pub(super) fn grant(row: &QueryResult) -> Result<Grant, Fault> {
    let kind: String = row.try_get("", "subject_kind")?;
    let kind: SubjectKind = kind.parse().map_err(Fault::internal)?;
    let rank: i32 = row.try_get("", "role")?;
    let role = Role::ALL
        .iter()
        .copied()
        .find(|role| role.rank() == rank)
        .ok_or_else(|| Fault::internal(format!("no role has rank {rank}")))?;
    Ok(Grant {
        id: GrantId(row.try_get("", "id")?),
        object: ObjectId(row.try_get("", "object_id")?),
        subject: Subject { kind, id: row.try_get("", "subject_id")? },
        role,
        expire: row.try_get("", "expire")?,
        registered: row.try_get("", "registered")?,
    })
}

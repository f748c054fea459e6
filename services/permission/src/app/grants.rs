//! Grants that people give.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GrantId, ObjectId},
};

use crate::{
    app::{App, objects::resolve_subject},
    domain::grant::Grant,
};

impl App {
    /// Gives a grant; the same again answers the one that is there.
    pub async fn create_grant(
        &self,
        caller: &Caller,
        object: ObjectId,
        subject: (SubjectKind, &str),
        role: Role,
        expire: Option<i64>,
    ) -> Result<(Grant, ObjectKind, i64), Fault> {
        let user = self.user_of(caller).await?;
        self.require(user, object, Role::Manager, "object of this id", Reason::ObjectNotFound).await?;
        let mut change = self.store.change().await?;
        change.require(user, object, Role::Manager, "object of this id", Reason::ObjectNotFound).await?;
        let stored = change.object(object).await?.ok_or_else(|| Fault::new(Reason::ObjectNotFound, "there is no object of this id"))?;
        if expire.is_some_and(|expire| expire <= change.now) {
            return Err(Fault::field("grant.expire_time", "lies in the past"));
        }
        let subject = resolve_subject(&change, subject.0, subject.1).await?;
        let present = change.grants_of(object).await?;
        if let Some(same) = present.iter().find(|grant| (grant.subject, grant.role, grant.expire) == (subject, role, expire)) {
            return Ok((*same, stored.kind, change.revision - 1));
        }
        let grant = Grant { id: GrantId::new(), object, subject, role, expire, registered: false };
        change.create_grant(grant, stored.kind).await?;
        let revision = change.commit().await?;
        Ok((grant, stored.kind, revision))
    }

    /// Takes a grant away; the platform keeps at least one manager without an end.
    pub async fn delete_grant(&self, caller: &Caller, id: GrantId) -> Result<i64, Fault> {
        let user = self.user_of(caller).await?;
        let missing = || Fault::new(Reason::GrantNotFound, format!("there is no grant {id}, or none that you may see"));
        let (grant, kind) = self.store.grant(id).await?.ok_or_else(missing)?;
        self.require(user, grant.object, Role::Manager, &format!("grant {id}"), Reason::GrantNotFound).await?;
        let mut change = self.store.change().await?;
        change.require(user, grant.object, Role::Manager, &format!("grant {id}"), Reason::GrantNotFound).await?;
        let is_admin = |grant: &Grant| grant.role == Role::Manager && grant.expire.is_none() && grant.subject.kind == SubjectKind::User;
        if kind == ObjectKind::Platform && is_admin(&grant) {
            let others = change.grants_of(grant.object).await?.iter().filter(|other| other.id != id && is_admin(other)).count();
            if others == 0 {
                return Err(Fault::new(Reason::LastAdmin, "this is the last platform admin; make another one first"));
            }
        }
        change.delete_grant(grant, kind).await?;
        change.commit().await
    }

    /// All grants of an object.
    pub async fn grants(&self, caller: &Caller, object: ObjectId) -> Result<Vec<(Grant, ObjectKind)>, Fault> {
        let user = self.user_of(caller).await?;
        self.require(user, object, Role::Manager, "object of this id", Reason::ObjectNotFound).await?;
        self.store.grants_of(object).await
    }
}

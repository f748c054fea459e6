//! Grants that people give.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role},
    id::{GrantId, ObjectId},
};
use slipway_outbox::idempotency::Key;
use slipway_paging::Page;

use crate::{
    app::{App, NamedSubject},
    domain::{grant::Grant, object::owning_call},
    store::{Change, Standing},
};

/// A grant to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateGrant {
    /// What it is about.
    pub object: ObjectId,
    /// Who it is for.
    pub subject: NamedSubject,
    /// What it allows.
    pub role: Role,
    /// Microseconds since the Unix epoch.
    pub expire: Option<i64>,
}

impl App {
    /// Gives a grant; the same again answers the one that was given, and the same key the one that it made.
    pub async fn create_grant(
        &self,
        caller: &Caller,
        request: CreateGrant,
        key: Option<Key>,
    ) -> Result<(Grant, ObjectKind, i64), Fault> {
        let CreateGrant { object, subject, role, expire } = request;
        let user = self.user_of(caller).await?;
        self.require(user, object, Role::Manager, "object of this id", Reason::ObjectNotFound)
            .await?;
        let mut change = self.store.change().await?;
        change
            .require(user, object, Role::Manager, "object of this id", Reason::ObjectNotFound)
            .await?;
        if let Some(answer) = change.answered(key.as_ref()).await? {
            return created_before(&change, &answer).await;
        }
        let stored = change
            .object(object)
            .await?
            .ok_or_else(|| Fault::new(Reason::ObjectNotFound, "there is no object of this id"))?;
        if expire.is_some_and(|expire| expire <= change.now) {
            return Err(Fault::field("grant.expire_time", "lies in the past"));
        }
        let subject = change.subject_seen_by(user, &subject).await?;
        let is_same = |grant: &Grant| {
            !grant.registered
                && (grant.subject, grant.role, grant.expire) == (subject, role, expire)
        };
        let same = change.grants_of(object).await?.into_iter().find(is_same);
        let (grant, revision) = match same {
            Some(same) => (same, change.revision - 1),
            None => {
                let grant =
                    Grant { id: GrantId::new(), object, subject, role, expire, registered: false };
                change.create_grant(grant, stored.kind).await?;
                (grant, change.revision)
            }
        };
        change.keep_answer(key.as_ref(), &answer_of(grant.id, revision)?).await?;
        change.commit().await?;
        Ok((grant, stored.kind, revision))
    }

    /// Takes a grant away; the platform keeps at least one manager without an end.
    pub async fn delete_grant(&self, caller: &Caller, id: GrantId) -> Result<i64, Fault> {
        let user = self.user_of(caller).await?;
        let object =
            self.store.grant(id).await?.map_or(ObjectId::ABSENT, |(grant, _)| grant.object);
        require_seen(&self.store.standing(user, object).await?, id)?;
        let mut change = self.store.change().await?;
        let (grant, kind) = change.grant(id).await?.ok_or_else(|| missing(id))?;
        require_seen(&change.standing(user, grant.object).await?, id)?;
        if grant.registered {
            let call = owning_call(kind);
            let message = format!(
                "grant {id} came with the registration of its {kind} and cannot be deleted alone; {call} changes it"
            );
            return Err(Fault::new(Reason::GrantRegistered, message)
                .metadata("call", call)
                .metadata("object", grant.object));
        }
        let is_admin = |grant: &Grant| grant.makes_a_manager() && grant.expire.is_none();
        if kind == ObjectKind::Platform && is_admin(&grant) {
            let others = change
                .grants_of(grant.object)
                .await?
                .iter()
                .filter(|other| other.id != id && is_admin(other))
                .count();
            if others == 0 {
                return Err(Fault::new(
                    Reason::LastAdmin,
                    "this is the last platform admin; make another one first",
                ));
            }
        }
        change.delete_grant(grant, kind).await?;
        change.commit().await
    }

    /// A page of an object's grants.
    pub async fn grants(
        &self,
        caller: &Caller,
        object: ObjectId,
        page: &Page,
    ) -> Result<Vec<(Grant, ObjectKind)>, Fault> {
        let user = self.user_of(caller).await?;
        self.require(user, object, Role::Manager, "object of this id", Reason::ObjectNotFound)
            .await?;
        self.store.grants_of(object, page).await
    }
}

/// Grants are seen by the managers of their object alone: for everybody else there is none.
fn require_seen(standing: &Standing, id: GrantId) -> Result<(), Fault> {
    match standing.role {
        Some(Role::Manager) => Ok(()),
        _ => Err(missing(id)),
    }
}

fn missing(id: GrantId) -> Fault {
    Fault::new(Reason::GrantNotFound, format!("there is no grant {id}, or none that you may see"))
}

fn answer_of(id: GrantId, revision: i64) -> Result<String, Fault> {
    serde_json::to_string(&(id, revision)).map_err(Fault::internal)
}

async fn created_before(
    change: &Change<'_>,
    answer: &str,
) -> Result<(Grant, ObjectKind, i64), Fault> {
    let (id, revision): (GrantId, i64) = serde_json::from_str(answer).map_err(Fault::internal)?;
    let (grant, kind) = change.grant(id).await?.ok_or_else(|| missing(id))?;
    Ok((grant, kind, revision))
}

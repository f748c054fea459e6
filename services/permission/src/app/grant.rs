//! Grants that users create.

use slipway_authz::role::Role;
use slipway_database::idempotency::RequestKey;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{GrantId, ObjectId},
    unit::PolicyVersion,
};
use slipway_request::page::Page;

use crate::{
    app::{
        App,
        check::require_role,
        response::{find_response, store_response},
        subject::resolve_visible_subject,
    },
    domain::{
        check::EffectiveRole,
        grant::{Grant, NewGrant},
        object::owning_call,
    },
    store::change::Change,
};

/// What messages call the object of a grant, whatever its kind.
const OBJECT_TEXT: &str = "object with this id";

impl App {
    /// Creates a grant. Returns it with a policy version at which it is in effect.
    ///
    /// An existing grant with the same subject, role and expiry is returned instead. A repeated
    /// `request_key` returns the grant of the first call.
    ///
    /// # Errors
    /// `OBJECT_NOT_FOUND`, `ROLE_MISSING`, `FIELD_INVALID`, `USER_NOT_FOUND`, `GROUP_NOT_FOUND`,
    /// `REQUEST_ID_REUSED`; `GRANT_NOT_FOUND` when the grant of the first call was deleted.
    pub async fn create_grant(
        &self,
        caller: &Caller,
        request: NewGrant,
        request_key: Option<RequestKey>,
    ) -> Result<(Grant, PolicyVersion), Fault> {
        let user = self.ensure_caller_stored(caller).await?;
        let object_id = self.object_id(&request.object).await?;
        require_manager(&self.store.effective_role(user, object_id).await?)?;

        // The role may have been revoked since: see `begin_change`.
        let mut change = self.store.begin_change().await?;
        require_manager(&change.effective_role(user, object_id).await?)?;
        if let Some(response) = find_response(&change, request_key.as_ref()).await? {
            return replay_create(&change, response).await;
        }

        let object = change.object(object_id).await?.ok_or_else(object_not_found)?;
        if request.expire_time.is_some_and(|expire_time| expire_time <= change.now) {
            return Err(Fault::field("grant.expire_time", "must be in the future"));
        }
        let grant = Grant {
            id: GrantId::new(),
            object: object.id,
            object_kind: object.kind,
            subject: resolve_visible_subject(&change, user, &request.subject).await?,
            role: request.role,
            expire_time: request.expire_time,
            registered: false,
        };

        // The response is stored before the commit, so its version is predicted.
        let (grant, policy_version) = match find_same(&change, &grant).await? {
            Some(existing) => (existing, change.previous().policy_version),
            None => {
                change.create_grant(grant).await?;
                (grant, change.next_version())
            }
        };
        let response = (grant.id, policy_version);
        store_response(&change, request_key.as_ref(), &response).await?;
        change.commit().await?;
        Ok((grant, policy_version))
    }

    /// Deletes a grant. Returns the policy version from which it is gone.
    ///
    /// # Errors
    /// `GRANT_NOT_FOUND`, also when the caller is not a manager of the object; `GRANT_REGISTERED`;
    /// `LAST_ADMIN` when no platform admin without an expiry would remain.
    pub async fn delete_grant(&self, caller: &Caller, id: GrantId) -> Result<PolicyVersion, Fault> {
        let user = self.ensure_caller_stored(caller).await?;
        let object = self.store.grant(id).await?.map_or(ObjectId::ABSENT, |grant| grant.object);
        require_visible(&self.store.effective_role(user, object).await?, id)?;

        // The role may have been revoked since: see `begin_change`.
        let mut change = self.store.begin_change().await?;
        let grant = change.grant(id).await?.ok_or_else(|| grant_not_found(id))?;
        require_visible(&change.effective_role(user, grant.object).await?, id)?;

        if grant.registered {
            return Err(grant_registered(&grant));
        }
        if belongs_to_last_admin(&change, &grant).await? {
            return Err(Fault::new(
                Reason::LastAdmin,
                "This grant belongs to the last platform admin without an expiry. Make another \
                 user a platform admin without an expiry first.",
            ));
        }

        change.delete_grant(grant).await?;
        Ok(change.commit().await?)
    }

    /// A page of an object's grants, the oldest first.
    ///
    /// # Errors
    /// `OBJECT_NOT_FOUND`, `ROLE_MISSING`.
    pub async fn grants(
        &self,
        caller: &Caller,
        object: ObjectId,
        page: &Page,
    ) -> Result<Vec<Grant>, Fault> {
        let user = self.ensure_caller_stored(caller).await?;
        require_manager(&self.store.effective_role(user, object).await?)?;

        Ok(self.store.grants_of(object, page.key()?, page.limit()).await?)
    }
}

async fn replay_create(
    change: &Change<'_>,
    (id, policy_version): (GrantId, PolicyVersion),
) -> Result<(Grant, PolicyVersion), Fault> {
    let grant = change.grant(id).await?.ok_or_else(|| grant_not_found(id))?;

    Ok((grant, policy_version))
}

/// An existing grant of a user on the object with the same subject, role and expiry.
async fn find_same(change: &Change<'_>, grant: &Grant) -> Result<Option<Grant>, Fault> {
    let present = change.grants_of(grant.object).await?;

    Ok(present.into_iter().find(|other| other.gives_same(grant)))
}

/// Whether this is the only grant that makes a user a permanent platform admin.
async fn belongs_to_last_admin(change: &Change<'_>, grant: &Grant) -> Result<bool, Fault> {
    if !grant.makes_permanent_platform_admin() {
        return Ok(false);
    }

    let grants = change.grants_of(ObjectId::PLATFORM).await?;
    Ok(!grants.iter().any(|other| other.id != grant.id && other.makes_permanent_platform_admin()))
}

fn require_manager(effective: &EffectiveRole) -> Result<(), Fault> {
    require_role(effective, Role::Manager, OBJECT_TEXT, Reason::ObjectNotFound)
}

/// Only managers of its object can see a grant.
fn require_visible(effective: &EffectiveRole, id: GrantId) -> Result<(), Fault> {
    if effective.includes(Role::Manager) { Ok(()) } else { Err(grant_not_found(id)) }
}

fn grant_not_found(id: GrantId) -> Fault {
    Fault::new(Reason::GrantNotFound, format!("There is no grant {id}, or you may not see it."))
}

fn object_not_found() -> Fault {
    Fault::new(Reason::ObjectNotFound, format!("There is no {OBJECT_TEXT}."))
}

fn grant_registered(grant: &Grant) -> Fault {
    let kind = grant.object_kind;
    let call = owning_call(kind);
    let message = format!(
        "Grant {} was registered with its {kind} and cannot be deleted on its own. Use {call} to \
         change it.",
        grant.id
    );

    Fault::new(Reason::GrantRegistered, message)
        .metadata("call", call)
        .metadata("object", grant.object)
}

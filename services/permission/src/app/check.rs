//! Decisions: for other services, and for the calls of this one.

use slipway_authz::{object::ObjectKind, refusal, role::Role};
use slipway_fault::{Fault, Reason};
use slipway_identity::{Caller, ServiceName};
use slipway_names::id::{ObjectId, UserId};

use crate::{
    app::App,
    domain::{
        check::{Check, CheckResult, EffectiveRole},
        group::object_of,
        object::NamedObject,
    },
};

impl App {
    /// Decides one check.
    ///
    /// # Errors
    /// `SERVICE_ONLY` when the caller is no service and the check is about another user.
    pub async fn check(&self, caller: &Caller, check: Check) -> Result<CheckResult, Fault> {
        let user = self.user_to_check(caller, check.user).await?;
        let (object, kind, name) = self.object_to_check(check.object).await?;

        let effective = self.store.effective_role(user, object).await?;
        if effective.kind != Some(kind) || effective.role.is_none() {
            return Ok(CheckResult {
                allowed: false,
                object: None,
                name: String::new(),
                policy_version: effective.policy_version,
            });
        }

        Ok(CheckResult {
            allowed: effective.includes(check.role),
            object: Some(object),
            name,
            policy_version: effective.policy_version,
        })
    }

    async fn user_to_check(&self, caller: &Caller, user: Option<UserId>) -> Result<UserId, Fault> {
        let Some(user) = user else {
            return self.ensure_caller_stored(caller).await;
        };

        let is_caller = caller.user.as_ref().is_some_and(|own| own.id == user);
        if !is_caller {
            caller.require_service(&[ServiceName::Catalog, ServiceName::Builder])?;
        }

        Ok(user)
    }

    /// Id, expected kind and, for a group, the name. See [`object_of`].
    async fn object_to_check(
        &self,
        object: NamedObject,
    ) -> Result<(ObjectId, ObjectKind, String), Fault> {
        let name_or_id = match object {
            NamedObject::Id(kind, id) => return Ok((id, kind, String::new())),
            NamedObject::Group(name_or_id) => name_or_id,
        };

        let group = self.store.group(&name_or_id).await?;
        let object = object_of(group.as_ref());
        Ok((object, ObjectKind::Group, group.map(|group| group.name).unwrap_or_default()))
    }

    /// Requires `role` on the platform. Returns the caller's user.
    ///
    /// # Errors
    /// `ROLE_MISSING`, never a not-found reason: every caller may know that the platform exists.
    pub(super) async fn require_platform(
        &self,
        caller: &Caller,
        role: Role,
    ) -> Result<UserId, Fault> {
        let user = self.ensure_caller_stored(caller).await?;
        let effective = self.store.effective_role(user, ObjectId::PLATFORM).await?;
        require_platform_role(&effective, role)?;

        Ok(user)
    }
}

/// `what` names the object in messages, such as "group `vision`".
///
/// # Errors
/// `not_found` when the object is absent or not visible, `ROLE_MISSING` when it is visible.
pub(super) fn require_role(
    effective: &EffectiveRole,
    role: Role,
    what: &str,
    not_found: Reason,
) -> Result<(), Fault> {
    if effective.includes(role) {
        return Ok(());
    }

    if effective.role.is_none() {
        return Err(refusal::not_visible(not_found, what));
    }
    Err(refusal::role_missing(role, what))
}

/// # Errors
/// `ROLE_MISSING`.
pub(super) fn require_platform_role(effective: &EffectiveRole, role: Role) -> Result<(), Fault> {
    if effective.includes(role) { Ok(()) } else { Err(refusal::platform_role_missing(role)) }
}

//! The port to the permission service.

use async_trait::async_trait;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{GroupId, ObjectId},
    unit::PolicyVersion,
};

use crate::{object::ObjectKind, refusal, role::Role, subject::SubjectKind};

/// The object of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectQuery {
    Platform,
    /// A group, by id or name, as in the caller's request.
    Group(String),
    /// An object of any kind, by id.
    Id(ObjectKind, ObjectId),
}

/// Permission's answer to a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The user has the role.
    pub allowed: bool,
    /// The user may know that the object exists.
    pub visible: bool,
    /// `None` when the object is not visible.
    pub object: Option<ObjectId>,
    /// A visible group's name; otherwise empty.
    pub name: String,
    /// The policy version of the decision.
    pub policy_version: PolicyVersion,
}

impl Decision {
    /// Returns the decision if it allows the call. `what` names the object in messages, such as
    /// "group `vision`".
    ///
    /// # Errors
    /// `ROLE_MISSING` for a visible object, `not_found` for an invisible one.
    pub fn require(self, role: Role, what: &str, not_found: Reason) -> Result<Self, Fault> {
        if self.allowed {
            return Ok(self);
        }

        if self.visible {
            Err(refusal::role_missing(role, what))
        } else {
            Err(refusal::not_visible(not_found, what))
        }
    }

    /// Refuses unless the decision, which is about the platform, allows the call.
    ///
    /// # Errors
    /// `ROLE_MISSING`.
    pub fn require_on_platform(self, role: Role) -> Result<(), Fault> {
        if self.allowed { Ok(()) } else { Err(refusal::platform_role_missing(role)) }
    }
}

/// The subject of a grant, as in the caller's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectQuery {
    pub kind: SubjectKind,
    /// User id, group id or group name; empty for everyone.
    pub id: String,
}

/// An object to register with permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub object: ObjectId,
    pub kind: ObjectKind,
    /// `None` for an object of the system.
    pub owner: Option<GroupId>,
    /// In addition to the access of the owner's managers.
    pub grants: Vec<(SubjectQuery, Role)>,
}

/// Permission's answer to a registration.
#[derive(Debug)]
pub enum Registered {
    /// The grants apply from this policy version on.
    At(PolicyVersion),
    /// The owner or a subject cannot be registered, and a retry cannot change that. Nothing was
    /// registered by this call.
    Refused(Fault),
}

/// The calls of services to permission. Each returns `PERMISSION_UNAVAILABLE` when permission does
/// not answer.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Decides whether the caller's user has `role` on `object`.
    async fn check(
        &self,
        caller: &Caller,
        object: ObjectQuery,
        role: Role,
    ) -> Result<Decision, Fault>;

    /// Registers an object, or replaces its grants. After a fault, permission may have registered
    /// it.
    async fn register(&self, registration: Registration) -> Result<Registered, Fault>;

    /// Removes an object and its grants. Returns the policy version from which they no longer
    /// apply.
    async fn remove(&self, object: ObjectId) -> Result<PolicyVersion, Fault>;

    /// Fails while permission or its database is unavailable.
    async fn ping(&self) -> Result<(), Fault>;
}

//! The port.

use async_trait::async_trait;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GroupId, ObjectId},
};

/// An object by id, or a group by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectQuery {
    /// Slipway itself.
    Platform,
    /// A group, by id or name as the caller gave it.
    Group(String),
    /// Anything by id.
    Id(ObjectKind, ObjectId),
}

/// What permission decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The role is there.
    pub allowed: bool,
    /// The user may know that the object exists.
    pub visible: bool,
    /// Set where visible.
    pub object: Option<ObjectId>,
    /// A visible group's name.
    pub name: String,
    /// The permission revision of the decision.
    pub revision: i64,
}

impl Decision {
    /// Allowed, or the refusal that fits what the user may know: `not_found`, else ROLE_MISSING. The platform is no secret: its `not_found` is
    /// ROLE_MISSING too.
    pub fn require(self, role: Role, what: &str, not_found: Reason) -> Result<Self, Fault> {
        match (self.allowed, self.visible) {
            (true, _) => Ok(self),
            (false, true) => Err(Fault::new(
                Reason::RoleMissing,
                format!("you see {what} but are not its {role}; ask one of its managers"),
            )
            .metadata("role", role)),
            (false, false) if not_found == Reason::RoleMissing => Err(Fault::new(
                not_found,
                format!("only a {role} of {what} may do that; ask a platform admin"),
            )
            .metadata("role", role)),
            (false, false) => {
                Err(Fault::new(not_found, format!("there is no {what}, or none that you may see")))
            }
        }
    }
}

/// A subject of a grant, as callers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectQuery {
    /// User, group, …
    pub kind: SubjectKind,
    /// User id, group id or group name; empty for everyone.
    pub id: String,
}

/// An object to be known by permission, with its grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its id.
    pub object: ObjectId,
    /// Its kind.
    pub kind: ObjectKind,
    /// Whose it is; `None` for the system's.
    pub owner: Option<GroupId>,
    /// Beside its owner's managers.
    pub grants: Vec<(SubjectQuery, Role)>,
}

/// What services ask of permission.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// May the caller's user do this?
    async fn check(
        &self,
        caller: &Caller,
        object: ObjectQuery,
        role: Role,
    ) -> Result<Decision, Fault>;

    /// Registers an object, or replaces its grants. Returns the revision from which they hold.
    async fn register(&self, registration: Registration) -> Result<i64, Fault>;

    /// Forgets an object and its grants.
    async fn remove(&self, object: ObjectId) -> Result<i64, Fault>;

    /// Fails while permission cannot be asked.
    async fn ping(&self) -> Result<(), Fault>;
}

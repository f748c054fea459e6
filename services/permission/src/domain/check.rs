//! Checks: which role a user has on an object.

use slipway_authz::{object::ObjectKind, role::Role};
use slipway_names::{
    id::{ObjectId, UserId},
    unit::PolicyVersion,
};

use crate::domain::object::NamedObject;

/// The highest role that any grant gives a user on an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveRole {
    /// `None` when the object is absent, or not visible to the user.
    pub role: Option<Role>,
    /// The stored kind of the object; `None` when it is absent.
    pub kind: Option<ObjectKind>,
    /// The policy version of the decision.
    pub policy_version: PolicyVersion,
}

impl EffectiveRole {
    /// Whether the role is at least `role`.
    pub fn includes(&self, role: Role) -> bool {
        self.role.is_some_and(|held| held >= role)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `None` for the caller.
    pub user: Option<UserId>,
    pub object: NamedObject,
    /// The role that the user needs.
    pub role: Role,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// Whether the user has the role.
    pub allowed: bool,
    /// Set when the object is visible to the user.
    pub object: Option<ObjectId>,
    /// The group's name, when the object is a visible group.
    pub name: String,
    /// The policy version of the decision.
    pub policy_version: PolicyVersion,
}

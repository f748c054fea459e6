//! Objects: the things that grants are about. Decisions are made on the stored object.

use slipway_authz::{object::ObjectKind, role::Role, subject::SubjectKind};
use slipway_names::id::{GroupId, ObjectId};

use crate::domain::subject::Subject;

/// An object as its owning service registered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    pub id: ObjectId,
    pub kind: ObjectKind,
    /// `None` for objects of the system.
    pub owner: Option<GroupId>,
}

/// An object of a request, not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedObject {
    /// An object of this kind, by id.
    Id(ObjectKind, ObjectId),
    /// A group by id or name.
    Group(String),
}

impl NamedObject {
    pub const PLATFORM: Self = Self::Id(ObjectKind::Platform, ObjectId::PLATFORM);
}

/// The RPC that changes the registered grants of an object of this kind.
pub fn owning_call(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Image => "SetImageAccess",
        ObjectKind::Group | ObjectKind::Platform => "AddMember or RemoveMember",
    }
}

impl Object {
    /// The grants that follow from the object's owner: a group's admins manage what the group owns,
    /// and members of a group can read the group. Objects of the system need none, because a grant
    /// on the platform covers them.
    pub fn owner_grants(&self) -> Vec<(Subject, Role)> {
        let Some(group) = self.owner else {
            return Vec::new();
        };

        let admins = Subject { kind: SubjectKind::GroupAdmins, id: Some(group.0) };
        let mut grants = vec![(admins, Role::Manager)];
        if self.kind == ObjectKind::Group {
            let members = Subject { kind: SubjectKind::Group, id: Some(group.0) };
            grants.push((members, Role::Reader));
        }

        grants
    }
}

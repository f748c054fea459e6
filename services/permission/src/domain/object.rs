//! Objects: what grants are about. Who may do what is decided on what is stored here.

use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GroupId, ObjectId},
};

use crate::domain::grant::Subject;

/// An object as its owner registered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// Its id.
    pub id: ObjectId,
    /// Its kind.
    pub kind: ObjectKind,
    /// `None` for the system's.
    pub owner: Option<GroupId>,
}

/// The call that changes what an object of this kind was registered with.
pub fn owning_call(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Image => "SetImageAccess",
        ObjectKind::Group | ObjectKind::Platform => "AddMember or RemoveMember",
    }
}

impl Object {
    /// What holds for every object of this owner: a group's admins manage what the group owns.
    /// The system's objects need nothing: a grant on the platform reaches them.
    pub fn standing_grants(&self) -> Vec<(Subject, Role)> {
        match (self.kind, self.owner) {
            (ObjectKind::Group, Some(group)) => vec![
                (Subject { kind: SubjectKind::GroupAdmins, id: Some(group.0) }, Role::Manager),
                (Subject { kind: SubjectKind::Group, id: Some(group.0) }, Role::Reader),
            ],
            (_, Some(group)) => {
                vec![(Subject { kind: SubjectKind::GroupAdmins, id: Some(group.0) }, Role::Manager)]
            }
            (_, None) => Vec::new(),
        }
    }
}

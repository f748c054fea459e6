//! Subjects: whom a grant is for: a user, a group, a group's admins, or everyone.

use slipway_authz::subject::SubjectKind;
use uuid::Uuid;

/// A subject that was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    pub kind: SubjectKind,
    /// `None` for everyone only.
    pub id: Option<Uuid>,
}

/// A subject of a request, not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSubject {
    pub kind: SubjectKind,
    /// User id, group id or group name; empty for everyone.
    pub id: String,
    /// The path of the request's field that contains the id.
    pub field: String,
}

impl NamedSubject {
    pub fn is_group(&self) -> bool {
        matches!(self.kind, SubjectKind::Group | SubjectKind::GroupAdmins)
    }
}

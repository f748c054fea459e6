//! Grants: subject × role × object.

use slipway_authz::{object::ObjectKind, role::Role, subject::SubjectKind};
use slipway_names::{
    id::{GrantId, ObjectId},
    unit::Micros,
};

use crate::domain::{
    object::NamedObject,
    subject::{NamedSubject, Subject},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    pub object: ObjectId,
    pub object_kind: ObjectKind,
    pub subject: Subject,
    pub role: Role,
    /// `None` when the grant does not expire.
    pub expire_time: Option<Micros>,
    /// Belongs to the registration of its object and changes only with it. Users create the others.
    pub registered: bool,
}

/// A grant as a user requests it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    pub object: NamedObject,
    pub subject: NamedSubject,
    pub role: Role,
    /// `None` when the grant does not expire.
    pub expire_time: Option<Micros>,
}

impl Grant {
    pub fn is_live(&self, now: Micros) -> bool {
        self.expire_time.is_none_or(|expire_time| expire_time > now)
    }

    /// Whether both grants give the same access for the same time. Registered grants are never the
    /// same as grants of users.
    pub fn gives_same(&self, other: &Self) -> bool {
        (self.subject, self.role, self.expire_time, self.registered)
            == (other.subject, other.role, other.expire_time, other.registered)
    }

    /// Whether the grant makes its user a platform admin: a MANAGER of the platform.
    pub fn makes_platform_admin(&self) -> bool {
        self.object_kind == ObjectKind::Platform
            && self.subject.kind == SubjectKind::User
            && self.role == Role::Manager
    }

    /// Whether the grant makes its user a platform admin without an expiry.
    pub fn makes_permanent_platform_admin(&self) -> bool {
        self.makes_platform_admin() && self.expire_time.is_none()
    }
}

/// The changes that make an object's registered grants equal to a wanted set.
#[derive(Debug, PartialEq, Eq)]
pub struct RegistrationChanges {
    pub added: Vec<(Subject, Role)>,
    pub removed: Vec<Grant>,
}

/// Compares the registered grants in `present` with `wanted`. Grants that users created stay.
pub fn registration_changes(present: &[Grant], wanted: &[(Subject, Role)]) -> RegistrationChanges {
    let registered: Vec<Grant> = present.iter().copied().filter(|grant| grant.registered).collect();

    let removed = registered
        .iter()
        .copied()
        .filter(|grant| !wanted.contains(&(grant.subject, grant.role)))
        .collect();

    let mut added: Vec<(Subject, Role)> = Vec::new();
    for pair in wanted {
        let is_registered = registered.iter().any(|grant| (grant.subject, grant.role) == *pair);
        if !is_registered && !added.contains(pair) {
            added.push(*pair);
        }
    }

    RegistrationChanges { added, removed }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[track_caller]
    fn check(
        present: &[Grant],
        wanted: &[(Subject, Role)],
        added: &[(Subject, Role)],
        removed: &[Grant],
    ) {
        let want = RegistrationChanges { added: added.to_vec(), removed: removed.to_vec() };

        assert_eq!(registration_changes(present, wanted), want);
    }

    #[test]
    fn registration_changes_contain_only_differences() {
        let everyone = Subject { kind: SubjectKind::Everyone, id: None };
        let user = Subject { kind: SubjectKind::User, id: Some(Uuid::from_u128(1)) };
        let registered = Grant {
            id: GrantId(Uuid::from_u128(9)),
            object: ObjectId::PLATFORM,
            object_kind: ObjectKind::Platform,
            subject: everyone,
            role: Role::Reader,
            expire_time: None,
            registered: true,
        };
        let of_everyone = (everyone, Role::Reader);
        let of_user = (user, Role::Reader);

        check(&[registered], &[of_everyone], &[], &[]);
        check(&[registered], &[of_user, of_user], &[of_user], &[registered]);
        check(&[registered], &[], &[], &[registered]);
    }

    #[test]
    fn registration_changes_leave_grants_of_users() {
        let created = Grant {
            id: GrantId(Uuid::from_u128(9)),
            object: ObjectId::PLATFORM,
            object_kind: ObjectKind::Platform,
            subject: Subject { kind: SubjectKind::Everyone, id: None },
            role: Role::Reader,
            expire_time: None,
            registered: false,
        };

        check(&[created], &[], &[], &[]);
    }
}

//! Grants: subject × role × object.

use slipway_names::{
    grant::{Role, SubjectKind},
    id::{GrantId, ObjectId},
};
use uuid::Uuid;

/// Who a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    /// User, group, a group's admins or everyone.
    pub kind: SubjectKind,
    /// `None` for everyone only.
    pub id: Option<Uuid>,
}

/// One grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// What it is about.
    pub object: ObjectId,
    /// Who it is for.
    pub subject: Subject,
    /// What it allows.
    pub role: Role,
    /// Microseconds since the Unix epoch.
    pub expire: Option<i64>,
    /// Came with its object's registration, and changes with it; people's own grants stay.
    pub registered: bool,
}

impl Grant {
    /// Whether it still holds at this time, in microseconds.
    pub fn is_live(&self, now: i64) -> bool {
        self.expire.is_none_or(|expire| expire > now)
    }

    /// Whether it makes one user a manager.
    pub fn makes_a_manager(&self) -> bool {
        self.subject.kind == SubjectKind::User && self.role == Role::Manager
    }
}

/// Which grants to add and which to drop so that an object has exactly `wanted` by registration, whatever people gave beside.
pub fn difference(
    present: &[Grant],
    wanted: &[(Subject, Role)],
) -> (Vec<(Subject, Role)>, Vec<Grant>) {
    let present: Vec<Grant> = present.iter().copied().filter(|grant| grant.registered).collect();
    let drop = present
        .iter()
        .copied()
        .filter(|grant| !wanted.contains(&(grant.subject, grant.role)))
        .collect();
    let mut add: Vec<(Subject, Role)> = Vec::new();
    for pair in wanted {
        if !add.contains(pair) && !present.iter().any(|grant| (grant.subject, grant.role) == *pair)
        {
            add.push(*pair);
        }
    }
    (add, drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_changes() {
        let everyone = Subject { kind: SubjectKind::Everyone, id: None };
        let user = Subject { kind: SubjectKind::User, id: Some(Uuid::from_u128(1)) };
        let present = [Grant {
            id: GrantId(Uuid::from_u128(9)),
            object: ObjectId::PLATFORM,
            subject: everyone,
            role: Role::Reader,
            expire: None,
            registered: true,
        }];
        assert_eq!(difference(&present, &[(everyone, Role::Reader)]), (vec![], vec![]));
        assert_eq!(
            difference(&present, &[(user, Role::Reader), (user, Role::Reader)]),
            (vec![(user, Role::Reader)], present.to_vec())
        );
        assert_eq!(difference(&present, &[]), (vec![], present.to_vec()));
        let given = [Grant { registered: false, ..present[0] }];
        assert_eq!(difference(&given, &[]), (vec![], vec![]), "what people gave stays");
    }
}

//! Subjects of grants, as callers name them.

use slipway_fault::{Fault, Reason};
use slipway_names::{
    grant::SubjectKind,
    id::{ObjectId, UserId},
};

use crate::{domain::grant::Subject, store::Change};

/// A subject as it was named, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSubject {
    /// User, group, a group's admins or everyone.
    pub kind: SubjectKind,
    /// User id, group id or group name; empty for everyone.
    pub id: String,
    /// The field that the id stands in.
    pub field: String,
}

impl NamedSubject {
    fn is_group(&self) -> bool {
        matches!(self.kind, SubjectKind::Group | SubjectKind::GroupAdmins)
    }

    fn no_group(&self) -> Fault {
        let message = format!(
            "there is no group `{}`, or none that you may see; give a group's name or id",
            self.id.escape_default()
        );
        Fault::new(Reason::GroupNotFound, message)
            .metadata("group", &self.id)
            .violation(&self.field, "is not a group that you see")
    }
}

impl Change<'_> {
    /// The subject that is meant. One that is not there is refused by the name it was given.
    pub(super) async fn subject(&self, named: &NamedSubject) -> Result<Subject, Fault> {
        let id = match named.kind {
            SubjectKind::Everyone if named.id.is_empty() => None,
            SubjectKind::Everyone => {
                return Err(Fault::field(&named.field, "must be empty: everyone has no id"));
            }
            SubjectKind::User => {
                let user: UserId =
                    named.id.parse().map_err(|error| Fault::field(&named.field, error))?;
                self.require_user(user).await.map_err(|fault| {
                    fault.violation(&named.field, "is not a user that is known here")
                })?;
                Some(user.0)
            }
            SubjectKind::Group | SubjectKind::GroupAdmins => {
                Some(self.group(&named.id).await?.ok_or_else(|| named.no_group())?.id.0)
            }
        };
        Ok(Subject { kind: named.kind, id })
    }

    /// The subject that is meant, where `giver` may know of it: a group that it does not see is as good as none, by the same statements.
    pub(super) async fn subject_seen_by(
        &self,
        giver: UserId,
        named: &NamedSubject,
    ) -> Result<Subject, Fault> {
        if named.is_group() {
            let group =
                self.group(&named.id).await?.map_or(ObjectId::ABSENT, |group| group.id.into());
            if self.standing(giver, group).await?.role.is_none() {
                return Err(named.no_group());
            }
        }
        self.subject(named).await
    }
}

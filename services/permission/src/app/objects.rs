//! Objects, as their owning services tell about them.

use slipway_fault::{Fault, Reason};
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GrantId, GroupId, ObjectId, UserId},
};

use crate::{
    app::App,
    domain::{
        grant::{Grant, Subject, difference},
        object::Object,
    },
    store::Change,
};

impl App {
    /// Registers an object, or replaces its grants. A subject that is not there is refused by the name it was given.
    pub async fn register_object(
        &self,
        object: ObjectId,
        kind: ObjectKind,
        owner: Option<GroupId>,
        grants: &[(SubjectKind, String, Role)],
    ) -> Result<i64, Fault> {
        if kind != ObjectKind::Image {
            return Err(Fault::field("kind", "must be OBJECT_KIND_IMAGE; groups and the platform are permission's own"));
        }
        let object = Object { id: object, kind, owner };
        let mut change = self.store.change().await?;
        change.put_object(&object).await?;
        let mut wanted = object.standing_grants();
        for (kind, id, role) in grants {
            wanted.push((resolve_subject(&change, *kind, id).await?, *role));
        }
        let (add, drop) = difference(&change.grants_of(object.id).await?, &wanted);
        for grant in drop {
            change.delete_grant(grant, object.kind).await?;
        }
        for (subject, role) in add {
            change.create_grant(Grant { id: GrantId::new(), object: object.id, subject, role, expire: None, registered: true }, object.kind).await?;
        }
        change.commit().await
    }

    /// Forgets an object and its grants; one that is not there stays away.
    pub async fn remove_object(&self, id: ObjectId) -> Result<i64, Fault> {
        let mut change = self.store.change().await?;
        if let Some(object) = change.object(id).await?.filter(|object| object.kind == ObjectKind::Image) {
            for grant in change.grants_of(id).await? {
                change.delete_grant(grant, object.kind).await?;
            }
            change.delete_object(id).await?;
        }
        change.commit().await
    }
}

/// A subject as callers name it: user id, group id or group name.
pub(super) async fn resolve_subject(change: &Change<'_>, kind: SubjectKind, id: &str) -> Result<Subject, Fault> {
    let id = match kind {
        SubjectKind::Everyone => None,
        SubjectKind::User => {
            let user: UserId = id.parse().map_err(|error| Fault::field("subject.id", error))?;
            change.require_user(user).await?;
            Some(user.0)
        }
        SubjectKind::Group | SubjectKind::GroupAdmins => {
            let group = change.group(id).await?;
            let missing = || {
                Fault::new(Reason::GroupNotFound, format!("there is no group `{}`; give a group's name or id", id.escape_default()))
                    .metadata("group", id)
            };
            Some(group.ok_or_else(missing)?.id.0)
        }
    };
    Ok(Subject { kind, id })
}

//! Objects: found for the calls of users, registered by the services that own them.

use std::collections::HashSet;

use slipway_authz::{object::ObjectKind, role::Role};
use slipway_fault::{Fault, Reason};
use slipway_names::{
    id::{GrantId, ObjectId},
    unit::PolicyVersion,
};

use crate::{
    app::{App, subject::resolve_subject},
    domain::{
        grant::{Grant, registration_changes},
        group::object_of,
        object::{NamedObject, Object},
        subject::{NamedSubject, Subject},
    },
    store::{change::Change, object::PutOutcome},
};

/// Distinct grants of one registration: the catalog allows 100 groups and users, and everyone.
/// Every check of the object reads all of them.
const MAX_GRANTS: usize = 101;

impl App {
    /// The id of the object, see [`object_of`].
    pub async fn object_id(&self, object: &NamedObject) -> Result<ObjectId, Fault> {
        match object {
            NamedObject::Id(_, id) => Ok(*id),
            NamedObject::Group(name_or_id) => {
                let group = self.store.group(name_or_id).await?;
                Ok(object_of(group.as_ref()))
            }
        }
    }

    /// Registers an image, or replaces the registered grants of an existing one. Returns the policy
    /// version from which the grants are in effect.
    ///
    /// # Errors
    /// `FIELD_INVALID`, `USER_NOT_FOUND`, `GROUP_NOT_FOUND`; `CONFLICT` when the id is registered
    /// with another kind or owner.
    pub async fn register_object(
        &self,
        object: Object,
        grants: &[(NamedSubject, Role)],
    ) -> Result<PolicyVersion, Fault> {
        if object.kind != ObjectKind::Image {
            return Err(Fault::field(
                "kind",
                "must be OBJECT_KIND_IMAGE; permission itself registers groups and the platform",
            ));
        }

        let distinct = distinct_grants(grants);
        if distinct.len() > MAX_GRANTS {
            return Err(Fault::field(
                "grants",
                format!("has {} distinct entries; the maximum is {MAX_GRANTS}", distinct.len()),
            ));
        }

        let mut change = self.store.begin_change().await?;
        put_object(&change, &object).await?;

        let mut wanted = object.owner_grants();
        for (subject, role) in distinct {
            wanted.push((resolve_subject(&change, subject).await?, *role));
        }
        set_registered_grants(&mut change, &object, &wanted).await?;

        Ok(change.commit().await?)
    }

    /// Removes an image and its grants. Removing an absent image changes nothing. Returns the
    /// policy version from which the grants are gone.
    pub async fn remove_object(&self, id: ObjectId) -> Result<PolicyVersion, Fault> {
        let mut change = self.store.begin_change().await?;

        let object = change.object(id).await?;
        if object.is_some_and(|object| object.kind == ObjectKind::Image) {
            for grant in change.grants_of(id).await? {
                change.delete_grant(grant).await?;
            }
            change.delete_object(id).await?;
        }

        Ok(change.commit().await?)
    }
}

/// Stores the object. An object never changes its kind or owner.
///
/// # Errors
/// `CONFLICT` when the id is registered with another kind or owner.
pub(super) async fn put_object(change: &Change<'_>, object: &Object) -> Result<(), Fault> {
    match change.put_object(object).await? {
        PutOutcome::Stored => Ok(()),
        PutOutcome::Different => {
            let message = "An object with this id is already registered with another kind or \
                           owner. Use a new id.";
            Err(Fault::new(Reason::Conflict, message).metadata("object", object.id))
        }
    }
}

/// Makes the registered grants of the object equal to `wanted`.
pub(super) async fn set_registered_grants(
    change: &mut Change<'_>,
    object: &Object,
    wanted: &[(Subject, Role)],
) -> Result<(), Fault> {
    let difference = registration_changes(&change.grants_of(object.id).await?, wanted);

    for grant in difference.removed {
        change.delete_grant(grant).await?;
    }
    for (subject, role) in difference.added {
        let grant = Grant {
            id: GrantId::new(),
            object: object.id,
            object_kind: object.kind,
            subject,
            role,
            expire_time: None,
            registered: true,
        };
        change.create_grant(grant).await?;
    }

    Ok(())
}

fn distinct_grants(grants: &[(NamedSubject, Role)]) -> Vec<&(NamedSubject, Role)> {
    let mut known = HashSet::new();

    grants
        .iter()
        .filter(|(subject, role)| known.insert((subject.kind, subject.id.as_str(), *role)))
        .collect()
}

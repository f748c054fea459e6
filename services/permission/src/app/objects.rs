//! Objects, as their owning services tell about them.

use std::collections::HashSet;

use slipway_fault::Fault;
use slipway_names::{
    grant::{ObjectKind, Role},
    id::{GrantId, GroupId, ObjectId},
};

use crate::{
    app::{App, NamedSubject},
    domain::{
        grant::{Grant, difference},
        object::Object,
    },
};

/// Distinct grants that one registration may bring: each is decided on by every check of the object.
const MOST_GRANTS: usize = 101;

impl App {
    /// Registers an object, or replaces its grants.
    pub async fn register_object(
        &self,
        object: ObjectId,
        kind: ObjectKind,
        owner: Option<GroupId>,
        grants: &[(NamedSubject, Role)],
    ) -> Result<i64, Fault> {
        if kind != ObjectKind::Image {
            return Err(Fault::field(
                "kind",
                "must be OBJECT_KIND_IMAGE; groups and the platform are permission's own",
            ));
        }
        let mut named = HashSet::new();
        let distinct: Vec<_> = grants
            .iter()
            .filter(|(subject, role)| named.insert((subject.kind, subject.id.as_str(), *role)))
            .collect();
        if distinct.len() > MOST_GRANTS {
            return Err(Fault::field(
                "grants",
                format!(
                    "has {} distinct entries, at most {MOST_GRANTS} are allowed",
                    distinct.len()
                ),
            ));
        }
        let object = Object { id: object, kind, owner };
        let mut change = self.store.change().await?;
        change.put_object(&object).await?;
        let mut wanted = object.standing_grants();
        for (subject, role) in distinct {
            wanted.push((change.subject(subject).await?, *role));
        }
        let (add, drop) = difference(&change.grants_of(object.id).await?, &wanted);
        for grant in drop {
            change.delete_grant(grant, object.kind).await?;
        }
        for (subject, role) in add {
            change
                .create_grant(
                    Grant {
                        id: GrantId::new(),
                        object: object.id,
                        subject,
                        role,
                        expire: None,
                        registered: true,
                    },
                    object.kind,
                )
                .await?;
        }
        change.commit().await
    }

    /// Forgets an object and its grants; one that is not there stays away.
    pub async fn remove_object(&self, id: ObjectId) -> Result<i64, Fault> {
        let mut change = self.store.change().await?;
        if let Some(object) =
            change.object(id).await?.filter(|object| object.kind == ObjectKind::Image)
        {
            for grant in change.grants_of(id).await? {
                change.delete_grant(grant, object.kind).await?;
            }
            change.delete_object(id).await?;
        }
        change.commit().await
    }
}

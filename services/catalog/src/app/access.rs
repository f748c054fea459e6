//! Changing who may read an image.

use std::collections::HashSet;

use slipway_authz::{
    check::{ObjectQuery, Registered},
    role::Role,
};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::id::GroupId;

use crate::{
    app::{
        App,
        image::image_gone,
        registration::{Completion, outcome_unknown, registration},
    },
    domain::{
        access::{Access, AccessChange, AccessGroup, RequestedAccess},
        image::{Image, ImageVersion},
    },
    store::access::{BeginAccessOutcome, CommitAccessOutcome},
};

impl App {
    /// Replaces the access of an image.
    ///
    /// Steps: store the new access as pending → register it with permission → make it effective at
    /// the policy version of the registration. The reconciler completes a change that stops between
    /// these steps.
    ///
    /// # Errors
    /// `IMAGE_NOT_FOUND`, `ROLE_MISSING`, `ETAG_MISMATCH`, `GROUP_NOT_FOUND`, `USER_NOT_FOUND`,
    /// `CONFLICT` (another change is pending), `PERMISSION_UNAVAILABLE` (the reconciler completes
    /// the change or rolls it back).
    pub async fn set_access(
        &self,
        caller: &Caller,
        id_or_name: &str,
        requested: RequestedAccess,
        etag: &str,
    ) -> Result<Image, Fault> {
        let (image, _) = self.authorize_image(caller, id_or_name, Role::Manager).await?;
        let version = parse_etag(etag)?;
        let access = self.resolve_access(caller, &requested, &image.access.groups).await?;

        let change = AccessChange::new(access);
        match self.store.begin_access_change(image.id, &change, version).await? {
            BeginAccessOutcome::Begun => {}
            BeginAccessOutcome::ImageGone => return Err(image_gone()),
            BeginAccessOutcome::VersionMismatch => return Err(etag_mismatch()),
            BeginAccessOutcome::InProgress => return Err(change_in_progress()),
        }

        let completion = self.finish_access_change(&image, &change).await.map_err(|fault| {
            outcome_unknown(
                fault,
                "The change of access will be completed or rolled back within a few minutes; \
                 read the image again to see which.",
            )
        })?;
        completion.into_result()
    }

    /// Steps 2 and 3 of [`App::set_access`]: registers the pending change, then commits it. If
    /// permission refuses it, it is aborted.
    ///
    /// # Errors
    /// `PERMISSION_UNAVAILABLE`, and others after which the change is pending as before.
    pub async fn finish_access_change(
        &self,
        image: &Image,
        change: &AccessChange,
    ) -> Result<Completion, Fault> {
        let registration = registration(image, &change.access);

        let policy_version = match self.authorizer.register(registration).await? {
            Registered::At(policy_version) => policy_version,
            Registered::Refused(fault) => {
                self.store.abort_access_change(change.id).await?;
                return Ok(Completion::Refused(fault));
            }
        };

        Ok(match self.store.commit_access_change(image.id, change, policy_version).await? {
            CommitAccessOutcome::Committed(image) => Completion::Completed(image),
            CommitAccessOutcome::NotPending => Completion::Refused(change_not_pending()),
        })
    }

    /// Resolves the requested groups to ids, each once.
    ///
    /// A group that the caller does not see is refused like one that does not exist. Groups in
    /// `present` are accepted without a check, so that a manager can write back what it has read.
    pub(super) async fn resolve_access(
        &self,
        caller: &Caller,
        requested: &RequestedAccess,
        present: &[AccessGroup],
    ) -> Result<Access, Fault> {
        let mut resolved = HashSet::new();
        let mut groups = Vec::new();

        for (index, name_or_id) in requested.groups.iter().enumerate() {
            if !resolved.insert(name_or_id) {
                continue;
            }

            let group = match find_group(present, name_or_id) {
                Some(group) => group.clone(),
                None => self.resolve_group(caller, name_or_id, index).await?,
            };
            if !groups.contains(&group) {
                groups.push(group);
            }
        }

        Ok(Access { global: requested.global, groups, users: requested.users.clone() })
    }

    async fn resolve_group(
        &self,
        caller: &Caller,
        name_or_id: &str,
        index: usize,
    ) -> Result<AccessGroup, Fault> {
        let object = ObjectQuery::Group(name_or_id.to_owned());
        let what = format!("group `{}`", Fault::quote_input(name_or_id));

        let decision = self
            .authorizer
            .check(caller, object, Role::Reader)
            .await?
            .require(Role::Reader, &what, Reason::GroupNotFound)
            .map_err(|fault| {
                fault.violation(format!("access.groups[{index}]"), "is not a group that you see")
            })?;
        let id = decision
            .object
            .ok_or_else(|| Fault::internal("permission allowed a group without an id"))?;

        Ok(AccessGroup { id: GroupId(id.0), name: decision.name })
    }
}

/// `None` for an empty etag, which matches every version.
fn parse_etag(etag: &str) -> Result<Option<ImageVersion>, Fault> {
    if etag.is_empty() {
        return Ok(None);
    }
    let version = etag.parse().map_err(|_| etag_mismatch())?;
    Ok(Some(version))
}

fn find_group<'a>(groups: &'a [AccessGroup], name_or_id: &str) -> Option<&'a AccessGroup> {
    groups.iter().find(|group| group.name == name_or_id || group.id.to_string() == name_or_id)
}

fn etag_mismatch() -> Fault {
    Fault::new(
        Reason::EtagMismatch,
        "The image was changed after you read it. Read it again and repeat your change.",
    )
    .violation("etag", "is not the current one")
}

fn change_in_progress() -> Fault {
    Fault::new(
        Reason::Conflict,
        "Another change of this image's access is being completed. Try again in a moment.",
    )
}

fn change_not_pending() -> Fault {
    Fault::new(
        Reason::Conflict,
        "This change of access was already completed or rolled back. Read the image again.",
    )
}

//! Looks up the subjects that requests name.

use slipway_authz::subject::SubjectKind;
use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;
use slipway_request::field::Field;
use uuid::Uuid;

use crate::{
    domain::{
        group::object_of,
        subject::{NamedSubject, Subject},
    },
    store::change::Change,
};

/// Looks the subject up.
///
/// # Errors
/// `FIELD_INVALID`, `USER_NOT_FOUND`, `GROUP_NOT_FOUND`, each with the field of the subject's id.
pub(super) async fn resolve_subject(
    change: &Change<'_>,
    named: &NamedSubject,
) -> Result<Subject, Fault> {
    let id = match named.kind {
        SubjectKind::Everyone if named.id.is_empty() => None,
        SubjectKind::Everyone => {
            return Err(Fault::field(&named.field, "must be empty, because everyone has no id"));
        }
        SubjectKind::User => Some(resolve_user(change, named).await?),
        SubjectKind::Group | SubjectKind::GroupAdmins => {
            let group = change.group(&named.id).await?;
            Some(group.ok_or_else(|| group_not_found(named))?.id.0)
        }
    };

    Ok(Subject { kind: named.kind, id })
}

/// Like [`resolve_subject`], but a group must be visible to `creator`. Absent and invisible groups
/// take the same statements and give the same error.
pub(super) async fn resolve_visible_subject(
    change: &Change<'_>,
    creator: UserId,
    named: &NamedSubject,
) -> Result<Subject, Fault> {
    if named.is_group() {
        let group = change.group(&named.id).await?;
        let object = object_of(group.as_ref());
        if change.effective_role(creator, object).await?.role.is_none() {
            return Err(group_not_found(named));
        }
    }

    resolve_subject(change, named).await
}

async fn resolve_user(change: &Change<'_>, named: &NamedSubject) -> Result<Uuid, Fault> {
    let user: UserId = Field(&named.field).parse(&named.id)?;

    if !change.has_user(user).await? {
        return Err(user_not_found(user).violation(&named.field, "is not the id of a known user"));
    }
    Ok(user.0)
}

fn group_not_found(named: &NamedSubject) -> Fault {
    let message = format!(
        "There is no group `{}`, or you may not see it. Use the name or id of a group that you can \
         see.",
        Fault::quote_input(&named.id)
    );

    Fault::new(Reason::GroupNotFound, message)
        .metadata("group", &named.id)
        .violation(&named.field, "is not a group that you can see")
}

/// `USER_NOT_FOUND` for a user whom a request makes a member or a subject.
pub(super) fn user_not_found(id: UserId) -> Fault {
    let message =
        format!("There is no user {id}. Invite the user first, or ask the user to sign in once.");

    Fault::new(Reason::UserNotFound, message).metadata("user", id)
}

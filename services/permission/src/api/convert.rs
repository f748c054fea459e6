//! Wire words to domain words, naming the field that is wrong, and domain rows to wire messages.

use slipway_database::from_micros;
use slipway_fault::Fault;
use slipway_names::grant::{ObjectKind, Role, SubjectKind};
use slipway_wire::permission::v1 as wire;

use crate::{
    app::NamedSubject,
    domain::{group::Group, user::User},
};

pub(super) fn role(value: i32, field: &str) -> Result<Role, Fault> {
    match wire::Role::try_from(value) {
        Ok(wire::Role::Reader) => Ok(Role::Reader),
        Ok(wire::Role::Writer) => Ok(Role::Writer),
        Ok(wire::Role::Manager) => Ok(Role::Manager),
        _ => Err(Fault::field(field, "must be ROLE_READER, ROLE_WRITER or ROLE_MANAGER")),
    }
}

pub(super) fn object_kind(value: i32, field: &str) -> Result<ObjectKind, Fault> {
    match wire::ObjectKind::try_from(value) {
        Ok(wire::ObjectKind::Platform) => Ok(ObjectKind::Platform),
        Ok(wire::ObjectKind::Group) => Ok(ObjectKind::Group),
        Ok(wire::ObjectKind::Image) => Ok(ObjectKind::Image),
        _ => Err(Fault::field(
            field,
            "must be OBJECT_KIND_PLATFORM, OBJECT_KIND_GROUP or OBJECT_KIND_IMAGE",
        )),
    }
}

fn subject_kind(value: i32, field: &str) -> Result<SubjectKind, Fault> {
    match wire::SubjectKind::try_from(value) {
        Ok(wire::SubjectKind::User) => Ok(SubjectKind::User),
        Ok(wire::SubjectKind::Group) => Ok(SubjectKind::Group),
        Ok(wire::SubjectKind::GroupAdmins) => Ok(SubjectKind::GroupAdmins),
        Ok(wire::SubjectKind::Everyone) => Ok(SubjectKind::Everyone),
        _ => Err(Fault::field(
            field,
            "must be SUBJECT_KIND_USER, _GROUP, _GROUP_ADMINS or _EVERYONE",
        )),
    }
}

/// A subject as it was named; `field` is the path of the whole subject.
pub(super) fn subject(subject: Option<wire::Subject>, field: &str) -> Result<NamedSubject, Fault> {
    let subject = subject.ok_or_else(|| Fault::field(field, "is missing"))?;
    Ok(NamedSubject {
        kind: subject_kind(subject.kind, &format!("{field}.kind"))?,
        id: subject.id,
        field: format!("{field}.id"),
    })
}

/// An id, or a refusal that names its field.
pub(super) fn id<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
    field: &str,
) -> Result<T, Fault> {
    text.parse().map_err(|error| Fault::field(field, error))
}

pub(super) fn user_to_wire(user: User) -> wire::User {
    wire::User {
        id: user.id.to_string(),
        issuer: user.issuer,
        subject: user.subject,
        name: user.name,
        seen: user.seen,
        create_time: Some(from_micros(user.create_time).into()),
    }
}

pub(super) fn group_to_wire(group: Group) -> wire::Group {
    wire::Group {
        id: group.id.to_string(),
        name: group.name,
        display_name: group.display_name,
        create_time: Some(from_micros(group.create_time).into()),
    }
}

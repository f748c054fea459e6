//! Registering images with permission, and how the changes that wait for it end.

use slipway_authz::{
    check::{Registration, SubjectQuery},
    object::ObjectKind,
    role::Role,
    subject::SubjectKind,
};
use slipway_fault::Fault;

use crate::domain::{access::Access, image::Image};

/// How a change ended once permission had answered. If the call returns a [`Fault`] instead, the
/// change is unfinished and the reconciler continues it.
#[derive(Debug)]
pub enum Completion {
    Completed(Box<Image>),
    /// Permission or a limit refused the change and it was rolled back, or another call had ended
    /// it.
    Refused(Fault),
}

impl Completion {
    pub(super) fn into_result(self) -> Result<Image, Fault> {
        match self {
            Self::Completed(image) => Ok(*image),
            Self::Refused(fault) => Err(fault),
        }
    }
}

/// The fault of a change that is done in part and that the reconciler continues. The fault's own
/// message is replaced, since it may say that nothing changed.
pub(super) fn outcome_unknown(fault: Fault, advice: &str) -> Fault {
    let message = format!("Slipway could not finish this call. {advice}");
    Fault::new(fault.reason(), message).cause(fault)
}

/// The image as an object of permission, with READER grants for this access.
pub(super) fn registration(image: &Image, access: &Access) -> Registration {
    let mut grants = Vec::new();

    if access.global {
        grants.push(reader(SubjectKind::Everyone, String::new()));
    }
    for group in &access.groups {
        grants.push(reader(SubjectKind::Group, group.id.to_string()));
    }
    for user in &access.users {
        grants.push(reader(SubjectKind::User, user.to_string()));
    }

    Registration { object: image.id.into(), kind: ObjectKind::Image, owner: image.owner, grants }
}

fn reader(kind: SubjectKind, id: String) -> (SubjectQuery, Role) {
    (SubjectQuery { kind, id }, Role::Reader)
}

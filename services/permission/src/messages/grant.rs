//! Grants.

use chrono::DateTime;
use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::permission::v1 as wire;

use crate::{
    domain::grant::{Grant, NewGrant},
    messages::{object, role, subject},
};

/// # Errors
/// `FIELD_INVALID`
pub fn parse(grant: Option<wire::Grant>) -> Result<NewGrant, Fault> {
    let grant = Field("grant").require(grant)?;
    let expire_time =
        grant.expire_time.map(|time| Field("grant.expire_time").time(time)).transpose()?;

    Ok(NewGrant {
        object: object::parse_reference(grant.object, "grant.object")?,
        subject: subject::parse(grant.subject, "grant.subject")?,
        role: role::parse(grant.role, Field("grant.role"))?,
        expire_time,
    })
}

impl From<&Grant> for wire::Grant {
    fn from(grant: &Grant) -> Self {
        Self {
            id: grant.id.to_string(),
            object: Some(wire::ObjectReference {
                kind: wire::ObjectKind::from(grant.object_kind).into(),
                id: grant.object.to_string(),
            }),
            subject: Some(grant.subject.into()),
            role: wire::Role::from(grant.role).into(),
            expire_time: grant.expire_time.map(|time| DateTime::from(time).into()),
        }
    }
}

//! Objects of grants and checks, and their registrations.

use slipway_authz::{object::ObjectKind, role::Role};
use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::permission::v1 as wire;

use crate::{
    domain::{
        object::{NamedObject, Object},
        subject::NamedSubject,
    },
    messages::{role, subject},
};

/// `field` is the path of the whole reference.
///
/// # Errors
/// `FIELD_INVALID`
pub fn parse_reference(
    object: Option<wire::ObjectReference>,
    field: &str,
) -> Result<NamedObject, Fault> {
    let object = Field(field).require(object)?;
    let kind = parse_kind(object.kind, Field(&format!("{field}.kind")))?;
    let id_field = format!("{field}.id");

    match kind {
        ObjectKind::Platform if object.id.is_empty() => Ok(NamedObject::PLATFORM),
        ObjectKind::Platform => {
            Err(Fault::field(id_field, "must be empty, because there is only one platform"))
        }
        ObjectKind::Group => Ok(NamedObject::Group(object.id)),
        ObjectKind::Image => Ok(NamedObject::Id(kind, Field(&id_field).parse(&object.id)?)),
    }
}

/// # Errors
/// `FIELD_INVALID`, with the kinds that this version knows.
pub fn parse_kind(value: i32, field: Field<'_>) -> Result<ObjectKind, Fault> {
    field.convert(wire::ObjectKind::try_from(value).unwrap_or_default())
}

/// The object, and its grants in addition to those of its owner.
///
/// # Errors
/// `FIELD_INVALID`
pub fn parse_registration(
    request: wire::RegisterObjectRequest,
) -> Result<(Object, Vec<(NamedSubject, Role)>), Fault> {
    let object = Object {
        id: Field("object_id").parse(&request.object_id)?,
        kind: parse_kind(request.kind, Field("kind"))?,
        owner: Field("owner_group_id").parse_optional(&request.owner_group_id)?,
    };

    let mut grants = Vec::with_capacity(request.grants.len());
    for (index, template) in request.grants.into_iter().enumerate() {
        let subject = subject::parse(template.subject, &format!("grants[{index}].subject"))?;
        let role = role::parse(template.role, Field(&format!("grants[{index}].role")))?;
        grants.push((subject, role));
    }

    Ok((object, grants))
}

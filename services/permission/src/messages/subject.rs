//! Subjects of grants.

use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::permission::v1 as wire;

use crate::domain::subject::{NamedSubject, Subject};

/// `field` is the path of the whole subject.
///
/// # Errors
/// `FIELD_INVALID`
pub fn parse(subject: Option<wire::Subject>, field: &str) -> Result<NamedSubject, Fault> {
    let subject = Field(field).require(subject)?;
    let kind = wire::SubjectKind::try_from(subject.kind).unwrap_or_default();

    Ok(NamedSubject {
        kind: Field(&format!("{field}.kind")).convert(kind)?,
        id: subject.id,
        field: format!("{field}.id"),
    })
}

impl From<Subject> for wire::Subject {
    fn from(subject: Subject) -> Self {
        Self {
            kind: wire::SubjectKind::from(subject.kind).into(),
            id: subject.id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

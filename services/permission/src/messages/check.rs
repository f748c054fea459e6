//! Checks.

use slipway_authz::object::ObjectKind;
use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::permission::v1 as wire;

use crate::{
    domain::{
        check::{Check, CheckResult},
        object::NamedObject,
    },
    messages::{object, role},
};

/// # Errors
/// `FIELD_INVALID`
pub fn parse(request: wire::CheckRequest) -> Result<Check, Fault> {
    let user = Field("user_id").parse_optional(&request.user_id)?;
    let object = Field("object").require(request.object)?;
    let role = role::parse(request.role, Field("role"))?;

    // There is one platform, so its id may be left out.
    let object = match object::parse_kind(object.kind, Field("object.kind"))? {
        ObjectKind::Platform => NamedObject::PLATFORM,
        ObjectKind::Group => NamedObject::Group(object.id),
        kind => NamedObject::Id(kind, Field("object.id").parse(&object.id)?),
    };

    Ok(Check { user, object, role })
}

impl From<CheckResult> for wire::CheckResponse {
    fn from(result: CheckResult) -> Self {
        Self {
            allowed: result.allowed,
            visible: result.object.is_some(),
            object_id: result.object.map(|id| id.to_string()).unwrap_or_default(),
            object_name: result.name,
            policy_version: result.policy_version.get(),
        }
    }
}

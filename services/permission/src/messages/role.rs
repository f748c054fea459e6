//! Roles in requests. The conversions are those of `slipway_authz::wire`.

use slipway_authz::role::Role;
use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::permission::v1 as wire;

/// Parses the role of a request.
///
/// # Errors
/// `FIELD_INVALID`, with the roles that this version knows.
pub fn parse(value: i32, field: Field<'_>) -> Result<Role, Fault> {
    field.convert(wire::Role::try_from(value).unwrap_or_default())
}

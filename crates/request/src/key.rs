//! The `request_id` of a create, bound to the RPC and the whole request.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;
use slipway_database::idempotency::RequestKey;
use slipway_fault::Fault;
use slipway_identity::Caller;

use crate::field::Field;

/// The key that recognises a repeated call of this RPC; `None` without a `request_id`.
///
/// Fields of `request` that do not change what is requested must be empty.
///
/// # Errors
/// `FIELD_INVALID` when `request_id` is not a UUID; `TOKEN_MISSING` when a service calls without a
/// user.
pub fn request_key(
    caller: &Caller,
    rpc: &'static str,
    request_id: &str,
    request: &impl Message,
) -> Result<Option<RequestKey>, Fault> {
    let Some(request_id) = Field("request_id").parse_optional(request_id)? else {
        return Ok(None);
    };
    let caller = caller.require_user()?.id;

    Ok(Some(RequestKey { caller, request_id, hash: hash(rpc, &request.encode_to_vec()) }))
}

/// SHA-256 of the RPC and the request, in hexadecimal.
fn hash(rpc: &str, request: &[u8]) -> String {
    hex::encode(digest(&SHA256, &[rpc.as_bytes(), request].concat()))
}

//! The caller's id of a create, bound to the method and everything it asked for.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;
use slipway_fault::Fault;
use slipway_identity::Caller;
use slipway_names::id::RequestId;
use slipway_outbox::idempotency::Key;

pub(super) fn key_of<M: Message>(
    caller: &Caller,
    rpc: &str,
    request_id: &str,
    request: &M,
) -> Result<Option<Key>, Fault> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let id: RequestId = request_id.parse().map_err(|error| Fault::field("request_id", error))?;
    let mut bytes = rpc.as_bytes().to_vec();
    bytes.extend(request.encode_to_vec());
    let hash = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(Key { caller: caller.require_user()?.id.to_string(), request_id: id.0, hash }))
}

//! The chain of hashes over permission's changes.

use aws_lc_rs::digest::{SHA256, digest};

/// The hash of a change: sha256(hash of the previous change ‖ encoded mutations), hexadecimal. A
/// database of permission that was restored from a backup continues with other hashes.
pub fn change_hash(previous: &str, mutations: &[u8]) -> String {
    hex::encode(digest(&SHA256, &[previous.as_bytes(), mutations].concat()))
}

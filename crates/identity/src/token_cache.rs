//! Verified tokens. Verifying a signature takes about 0.1 ms, longer than most reads.

use std::{sync::Arc, time::SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;

use crate::claims::Claims;

/// The size of the remembered claims, in bytes: about 20,000 usual tokens.
const MAX_BYTES: u64 = 8 << 20;

/// What an entry takes beside the texts of its claims, estimated.
const ENTRY_BYTES: usize = 300;

/// The claims of verified tokens until they expire. Tokens are kept as hashes only.
pub(crate) struct TokenCache(Cache<CacheKey, Arc<Claims>>);

/// A token that was verified with one generation of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    token: [u8; 32],
    /// Changes with every change of a key, so that no cached token outlives the key that signed it.
    generation: u64,
}

impl CacheKey {
    pub(crate) fn new(token: &str, generation: u64) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());

        Self { token: hash, generation }
    }
}

impl TokenCache {
    pub(crate) fn new() -> Self {
        let weigh = |_: &CacheKey, claims: &Arc<Claims>| {
            u32::try_from(ENTRY_BYTES + claims.text_bytes()).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().weigher(weigh).max_capacity(MAX_BYTES).build())
    }

    /// The claims of a token that was verified and has not expired since.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Arc<Claims>> {
        self.0.get(key).filter(|claims| SystemTime::now() < claims.expires_at())
    }

    pub(crate) fn insert(&self, key: CacheKey, claims: Arc<Claims>) {
        self.0.insert(key, claims);
    }
}

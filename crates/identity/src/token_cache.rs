//! Verified tokens. Verifying a signature takes about 0.1 ms, longer than most reads.

use std::{sync::Arc, time::SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;

use crate::claims::Claims;

/// The number of tokens that are kept, in about 5 MiB.
const MAX_TOKENS: u64 = 10_000;

/// The claims of verified tokens until they expire. Tokens are kept as hashes only.
pub(crate) struct TokenCache(Cache<CacheKey, Arc<Claims>>);

/// A token that was verified with one generation of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    token: [u8; 32],
    /// Another one when a key has changed, so that no token outlives the key that signed it.
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
        Self(Cache::new(MAX_TOKENS))
    }

    /// The claims of a token that was verified and has not expired since.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Arc<Claims>> {
        self.0.get(key).filter(|claims| SystemTime::now() < claims.expires_at())
    }

    pub(crate) fn insert(&self, key: CacheKey, claims: Arc<Claims>) {
        self.0.insert(key, claims);
    }
}

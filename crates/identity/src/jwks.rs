//! Public keys from a JWKS (RFC 7517), each with the algorithms that it may verify (RFC 8725,
//! section 3.1). `issuer.rs` fetches them.

use std::{collections::HashMap, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// A public key. The algorithms come from the key and never from a token.
pub(crate) struct Key {
    pub(crate) decoding: DecodingKey,
    pub(crate) algorithms: Vec<Algorithm>,
}

/// Keys by `kid`, which several keys may share. A key without a `kid` has the empty id.
pub(crate) type Keys = HashMap<String, Vec<Arc<Key>>>;

/// Issuers often publish RSA keys without `alg`. Such a key verifies all of these.
const RSA_ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// A JWKS that cannot replace the keys in use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnusableKeySet {
    #[error("not a JWKS: {0}")]
    NotJwks(#[from] serde_json::Error),
    #[error("the JWKS has no key that can verify tokens")]
    NoUsableKey,
}

/// Skips keys that are malformed or of an unsupported type, so that the other keys stay usable.
pub(crate) fn parse(text: &str) -> Result<Keys, UnusableKeySet> {
    let set: KeySet = serde_json::from_str(text)?;
    let mut keys = Keys::new();

    for jwk in set.keys {
        let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
        let Ok(decoding) = DecodingKey::from_jwk(&jwk) else { continue };

        let algorithms = algorithms(&jwk);
        if algorithms.is_empty() {
            continue;
        }

        let id = jwk.common.key_id.unwrap_or_default();
        keys.entry(id).or_default().push(Arc::new(Key { decoding, algorithms }));
    }

    if keys.is_empty() { Err(UnusableKeySet::NoUsableKey) } else { Ok(keys) }
}

/// The algorithms that a key may verify. Only signatures by asymmetric keys are listed; every other
/// algorithm, such as `none` and HMAC, is refused.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
        return Vec::new();
    }

    let of_type = algorithms_of_type(&jwk.algorithm);
    let Some(named) = jwk.common.key_algorithm else { return of_type.to_vec() };

    of_type.iter().copied().filter(|algorithm| KeyAlgorithm::from(*algorithm) == named).collect()
}

fn algorithms_of_type(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
    match parameters {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
            &[Algorithm::ES384]
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        AlgorithmParameters::RSA(_) => RSA_ALGORITHMS,
        _ => &[],
    }
}

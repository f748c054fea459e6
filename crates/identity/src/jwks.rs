//! Public keys from a JWKS (RFC 7517), each with the algorithms that it may verify (RFC 8725, section 3.1).

use std::{collections::HashMap, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// A public key and what it is for: the key says so, never the token.
pub(crate) struct Key {
    pub(crate) decoding: DecodingKey,
    pub(crate) algorithms: Vec<Algorithm>,
}

/// By `kid`; a key without one has the empty id.
pub(crate) type Keys = HashMap<String, Arc<Key>>;

/// What a modulus alone leaves open; issuers often publish RSA keys without `alg`.
const RSA: &[Algorithm] = &[
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

/// A key that cannot be used here does not keep the others from being used.
pub(crate) fn parse(text: &str) -> Result<Keys, serde_json::Error> {
    let set: KeySet = serde_json::from_str(text)?;
    let mut keys = Keys::new();
    for jwk in set.keys {
        let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
        let Ok(decoding) = DecodingKey::from_jwk(&jwk) else { continue };
        let algorithms = algorithms(&jwk);
        if !algorithms.is_empty() {
            keys.insert(
                jwk.common.key_id.unwrap_or_default(),
                Arc::new(Key { decoding, algorithms }),
            );
        }
    }
    Ok(keys)
}

/// Signatures by asymmetric keys only: what is not listed here, `none` and HMAC among it, verifies nothing.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    let of_type: &[Algorithm] = match &jwk.algorithm {
        _ if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) => &[],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
            &[Algorithm::ES384]
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        AlgorithmParameters::RSA(_) => RSA,
        _ => &[],
    };
    match jwk.common.key_algorithm {
        None => of_type.to_vec(),
        Some(named) => of_type
            .iter()
            .copied()
            .filter(|algorithm| KeyAlgorithm::from(*algorithm) == named)
            .collect(),
    }
}

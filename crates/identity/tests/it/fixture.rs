//! Keys and tokens of an issuer, and a verifier that trusts it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use slipway_fault::Reason;
use slipway_identity::{AUDIENCE, Issuer, ServiceName, Settings, Verifier};
use slipway_testrig::identity::{TestKeys, write_jwks};
use tempfile::TempDir;

const ISSUER: &str = "https://issuer.test";

/// A key of an issuer.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pub(crate) encoding: EncodingKey,
}

impl Key {
    pub(crate) fn new(algorithm: Algorithm, id: &'static str) -> Self {
        let encoding = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(&ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            Algorithm::ES384 => EncodingKey::from_ec_der(&ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            Algorithm::EdDSA => EncodingKey::from_ed_der(
                Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref(),
            ),
            _ => EncodingKey::from_rsa_pem(rsa_pem().as_bytes()).unwrap(),
        };

        Self { id, encoding }
    }

    pub(crate) fn from_secret(secret: &[u8], id: &'static str) -> Self {
        Self { id, encoding: EncodingKey::from_secret(secret) }
    }

    /// The same key under another id.
    pub(crate) fn with_id(&self, id: &'static str) -> Self {
        Self { id, encoding: self.encoding.clone() }
    }

    /// The public half. `edits` replaces members; `null` removes one.
    pub(crate) fn jwk(&self, algorithm: Algorithm, edits: Value) -> Value {
        let jwk = Jwk::from_encoding_key(&self.encoding, algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.id);

        merge(jwk, edits)
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        let mut header = Header::new(algorithm);
        header.kid = Some(self.id.to_owned());

        encode(&header, claims, &self.encoding).unwrap()
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
    EcdsaKeyPair::generate(algorithm).unwrap().to_pkcs8v1().unwrap().as_ref().to_vec()
}

fn rsa_pem() -> String {
    let der: Pkcs8V1Der<'_> =
        rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap().as_der().unwrap();
    let body = STANDARD.encode(der.as_ref());

    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

fn merge(mut value: Value, edits: Value) -> Value {
    let members = value.as_object_mut().unwrap();

    for (name, edit) in edits.as_object().unwrap() {
        if edit.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), edit.clone());
        }
    }

    value
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims of the user alice, valid for ten minutes. `edits` replaces members; `null` removes one.
pub(crate) fn claims(edits: Value) -> Value {
    let claims = json!({
        "iss": ISSUER,
        "sub": "alice",
        "name": "Alice",
        "aud": AUDIENCE,
        "exp": now() + 600,
    });

    merge(claims, edits)
}

/// A verifier that trusts one issuer of user tokens, and the services.
pub(crate) struct Fixture {
    pub(crate) verifier: Arc<Verifier>,
    /// The keys of the services.
    pub(crate) keys: TestKeys,
    folder: TempDir,
}

impl Fixture {
    /// The issuer's keys are in [`Fixture::issuer_file`].
    pub(crate) async fn with_keys(keys: &[Value]) -> Self {
        Self::new("", keys).await
    }

    /// The issuer's keys are at a URL.
    pub(crate) async fn with_url(jwks_url: &str) -> Self {
        Self::new(jwks_url, &[]).await
    }

    async fn new(jwks_url: &str, issuer_keys: &[Value]) -> Self {
        let folder = TempDir::new().unwrap();
        let issuer_file = folder.path().join("issuer.json");
        write_jwks(&issuer_file, issuer_keys);
        let issuer = Issuer {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks_url: jwks_url.to_owned(),
            jwks_file: issuer_file,
        };

        let keys = TestKeys::new();
        let settings = Settings { issuers: vec![issuer], ..keys.settings(ServiceName::Catalog) };
        let verifier = Verifier::new(settings);
        verifier.refresh().await.unwrap();

        Self { verifier: Arc::new(verifier), keys, folder }
    }

    pub(crate) fn issuer_file(&self) -> PathBuf {
        self.folder.path().join("issuer.json")
    }

    /// The subject of a user's token, or the reason for which it is refused.
    pub(crate) async fn verify(&self, token: &str) -> Result<String, Reason> {
        self.verifier
            .verify(token, None)
            .await
            .map(|caller| caller.user.unwrap().subject)
            .map_err(|fault| fault.reason())
    }
}

/// What [`Fixture::verify`] returns for a valid token with [`claims`].
pub(crate) fn alice() -> Result<String, Reason> {
    Ok("alice".to_owned())
}

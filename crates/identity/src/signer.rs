//! Signs tokens: a service's own, and those of the development issuer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};

use crate::{
    caller::ServiceName,
    issuer::{AUDIENCE, DEVELOPMENT_ISSUER, SERVICE_ISSUER},
    signing_key::{InvalidKey, SigningKey},
};

/// A service token is signed for one call.
const SERVICE_TOKEN_TTL: Duration = Duration::from_secs(60);

/// Signs a service's own short-lived tokens.
#[derive(Debug)]
pub struct ServiceSigner {
    service: ServiceName,
    key: SigningKey,
}

impl ServiceSigner {
    pub fn new(service: ServiceName, key: SigningKey) -> Self {
        Self { service, key }
    }

    /// A token for one call, valid for 60 s.
    pub fn token(&self) -> Result<String, InvalidKey> {
        let claims =
            json!({ "iss": SERVICE_ISSUER, "sub": self.service.as_str(), "aud": AUDIENCE });
        sign(&self.key, claims, SERVICE_TOKEN_TTL)
    }
}

/// Signs tokens for any user. The key can be read by every process of the local user, so this is
/// for development and demonstrations only.
#[derive(Debug)]
pub struct DevelopmentIssuer(SigningKey);

impl DevelopmentIssuer {
    pub fn new(key: SigningKey) -> Self {
        Self(key)
    }

    /// A token for `subject`, which is also the user's display name.
    pub fn token(
        &self,
        subject: &str,
        audience: &str,
        ttl: Duration,
    ) -> Result<String, InvalidKey> {
        let claims =
            json!({ "iss": DEVELOPMENT_ISSUER, "sub": subject, "name": subject, "aud": audience });
        sign(&self.0, claims, ttl)
    }
}

fn sign(key: &SigningKey, mut claims: Value, ttl: Duration) -> Result<String, InvalidKey> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    claims["iat"] = json!(now.as_secs());
    claims["exp"] = json!((now + ttl).as_secs());

    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(key.id.clone());

    encode(&header, &claims, &key.encoding)
        .map_err(|error| InvalidKey(format!("signing a token: {error}")))
}

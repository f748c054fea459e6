//! Making tokens: a service for itself, and the development issuer for people on a laptop.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};

use crate::{
    caller::ServiceName,
    keys::{InvalidKey, SigningKey},
    verifier::{AUDIENCE, DEVELOPMENT_ISSUER, SERVICE_ISSUER},
};

const SERVICE_TOKEN_LIFE: Duration = Duration::from_secs(60);

/// Signs a service's own short tokens.
#[derive(Debug)]
pub struct ServiceSigner {
    service: ServiceName,
    key: SigningKey,
}

impl ServiceSigner {
    /// With the service's private key.
    pub fn new(service: ServiceName, key: SigningKey) -> Self {
        Self { service, key }
    }

    /// A token for one call.
    pub fn token(&self) -> Result<String, InvalidKey> {
        sign(
            &self.key,
            json!({ "iss": SERVICE_ISSUER, "sub": self.service.as_str() }),
            SERVICE_TOKEN_LIFE,
        )
    }
}

/// Signs tokens for whoever can read its key: development and demonstration only.
#[derive(Debug)]
pub struct DevelopmentIssuer(SigningKey);

impl DevelopmentIssuer {
    /// With the key of the data directory.
    pub fn new(key: SigningKey) -> Self {
        Self(key)
    }

    /// A token of this subject; its name is the subject too.
    pub fn token(
        &self,
        subject: &str,
        audience: &str,
        life: Duration,
    ) -> Result<String, InvalidKey> {
        sign(
            &self.0,
            json!({ "iss": DEVELOPMENT_ISSUER, "sub": subject, "name": subject, "aud": audience }),
            life,
        )
    }
}

fn sign(key: &SigningKey, mut claims: Value, life: Duration) -> Result<String, InvalidKey> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if claims.get("aud").is_none() {
        claims["aud"] = json!(AUDIENCE);
    }
    claims["iat"] = json!(now.as_secs());
    claims["exp"] = json!((now + life).as_secs());
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(key.id.clone());
    encode(&header, &claims, &key.encoding)
        .map_err(|error| InvalidKey(format!("signing a token: {error}")))
}

//! Verifying tokens against the keys of configured issuers (RFC 7519, RFC 8725).

use std::{collections::HashMap, path::PathBuf, str::FromStr as _, sync::RwLock, time::Duration};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, Jwk},
};
use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;

use crate::caller::{Caller, ServiceName, User};

/// `aud` of tokens for Slipway, unless configured otherwise.
pub const AUDIENCE: &str = "slipway";
/// `iss` of the development issuer.
pub const DEVELOPMENT_ISSUER: &str = "slipway-development";
pub(crate) const SERVICE_ISSUER: &str = "slipway-service";
const LEEWAY_SECONDS: u64 = 30;

/// An OIDC issuer of people's tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud` that its tokens must have.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// Where its keys are; fetched again every 10 minutes. Either this or `jwks_file`.
    #[serde(default)]
    pub jwks_url: String,
    /// A file with its keys; read again every 10 minutes.
    #[serde(default)]
    pub jwks_file: PathBuf,
}

fn default_audience() -> String {
    AUDIENCE.to_owned()
}

/// Whose tokens count.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Issuers of people's tokens.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// Public keys of Slipway's services; each `kid` is a service's name.
    pub service_jwks_file: PathBuf,
    /// This service's private key.
    pub service_key_file: PathBuf,
}

struct Key {
    decoding: DecodingKey,
    algorithm: Algorithm,
}

type Keys = HashMap<(String, String), Key>;

/// Verifies tokens. Keys live in memory; [`Verifier::refresh`] reads them anew.
pub struct Verifier {
    settings: Settings,
    keys: RwLock<Keys>,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    preferred_username: String,
}

impl Verifier {
    /// How often keys are read again.
    pub const REFRESH: Duration = Duration::from_secs(600);
    /// How soon after they could not be read.
    pub const RETRY: Duration = Duration::from_secs(5);

    /// Without keys until the first [`Verifier::refresh`].
    pub fn new(settings: Settings) -> Self {
        Self { settings, keys: RwLock::default(), http: reqwest::Client::new() }
    }

    /// Whether tokens of the development issuer count here.
    pub fn trusts_development(&self) -> bool {
        self.settings.issuers.iter().any(|issuer| issuer.issuer == DEVELOPMENT_ISSUER)
    }

    /// Reads all keys. An issuer whose keys cannot be had keeps its old ones.
    pub async fn refresh(&self) -> Result<(), Fault> {
        let mut failed = None;
        for issuer in &self.settings.issuers {
            match self.fetch(issuer).await {
                Ok(text) => self.keep(&issuer.issuer, &text).unwrap_or_else(|error| failed = Some(error)),
                Err(error) => failed = Some(format!("keys of issuer `{}`: {error}", issuer.issuer)),
            }
        }
        let text = tokio::fs::read_to_string(&self.settings.service_jwks_file)
            .await
            .map_err(|error| Fault::internal(format!("service_jwks_file: {error}")))?;
        self.keep(SERVICE_ISSUER, &text).map_err(Fault::internal)?;
        failed.map_or(Ok(()), |reason| Err(Fault::internal(reason)))
    }

    async fn fetch(&self, issuer: &Issuer) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        match issuer.jwks_url.is_empty() {
            true => Ok(tokio::fs::read_to_string(&issuer.jwks_file).await?),
            false => Ok(self.http.get(&issuer.jwks_url).timeout(Duration::from_secs(10)).send().await?.error_for_status()?.text().await?),
        }
    }

    /// A key that cannot be used here does not keep the others from being used.
    fn keep(&self, issuer: &str, text: &str) -> Result<(), String> {
        let set: KeySet = serde_json::from_str(text).map_err(|error| format!("JWKS of `{issuer}`: {error}"))?;
        let mut keys = self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.retain(|(owner, _), _| owner != issuer);
        for jwk in set.keys {
            let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
            let Ok(decoding) = DecodingKey::from_jwk(&jwk) else { continue };
            // The key says which algorithm it is for, never the token.
            let algorithm = match &jwk.algorithm {
                AlgorithmParameters::EllipticCurve(_) => Algorithm::ES256,
                AlgorithmParameters::RSA(_) => Algorithm::RS256,
                AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
                _ => continue,
            };
            let id = jwk.common.key_id.clone().unwrap_or_default();
            keys.insert((issuer.to_owned(), id), Key { decoding, algorithm });
        }
        Ok(())
    }

    /// Who calls, by its bearer token and perhaps the token of the user it acts for.
    pub fn verify(&self, bearer: &str, on_behalf_of: Option<&str>) -> Result<Caller, Fault> {
        let claims = self.claims(bearer)?;
        if claims.iss != SERVICE_ISSUER {
            return Ok(Caller { service: None, user: Some(user(claims)), token: Some(bearer.to_owned()) });
        }
        let service = ServiceName::from_str(&claims.sub).map_err(|()| Fault::new(Reason::TokenIssuer, "no such service"))?;
        let user = match on_behalf_of {
            None => None,
            Some(token) => {
                let claims = self.claims(token)?;
                match claims.iss == SERVICE_ISSUER {
                    true => return Err(Fault::new(Reason::TokenIssuer, "a service cannot act for a service")),
                    false => Some(user(claims)),
                }
            }
        };
        Ok(Caller { service: Some(service), user, token: on_behalf_of.map(str::to_owned) })
    }

    fn claims(&self, token: &str) -> Result<Claims, Fault> {
        let malformed = |error: jsonwebtoken::errors::Error| {
            Fault::new(Reason::TokenMalformed, "the bearer token is not a signed JWT; get a new one from your issuer").cause(error)
        };
        let header = decode_header(token).map_err(malformed)?;
        // Read to choose the key and audience; the signature is checked below.
        let untrusted: Claims = jsonwebtoken::dangerous::insecure_decode::<Claims>(token).map_err(malformed)?.claims;
        let audience = match untrusted.iss.as_str() {
            SERVICE_ISSUER => AUDIENCE,
            issuer => {
                self.settings.issuers.iter().find(|known| known.issuer == issuer).map(|known| known.audience.as_str()).ok_or_else(|| {
                    Fault::new(Reason::TokenIssuer, "the token's issuer is not configured here; use a token of your company's issuer")
                })?
            }
        };
        let signature = || Fault::new(Reason::TokenSignature, "the token is not signed by a key of its issuer; get a new one");
        let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let id = header.kid.unwrap_or_default();
        let key = keys.get(&(untrusted.iss.clone(), id.clone())).ok_or_else(signature)?;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&untrusted.iss]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let claims = decode::<Claims>(token, &key.decoding, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Fault::new(Reason::TokenExpired, "the token has expired; sign in again"),
            ErrorKind::InvalidAudience => Fault::new(
                Reason::TokenAudience,
                format!("the token was made for another audience; ask your issuer for one with audience `{audience}`"),
            ),
            ErrorKind::MissingRequiredClaim(claim) => Fault::new(Reason::TokenMalformed, format!("the token has no `{claim}` claim")),
            _ => signature(),
        })?;
        // One service's key signs for that service alone.
        if claims.claims.iss == SERVICE_ISSUER && claims.claims.sub != id {
            return Err(signature());
        }
        Ok(claims.claims)
    }
}

fn user(claims: Claims) -> User {
    let name = if claims.name.is_empty() { claims.preferred_username } else { claims.name };
    User { id: UserId::derive(&claims.iss, &claims.sub), issuer: claims.iss, subject: claims.sub, name }
}

//! Verifies tokens with the keys of configured issuers (RFC 7519, RFC 8725).

use std::{
    path::PathBuf,
    str::FromStr as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use jsonwebtoken::{
    Validation,
    dangerous::insecure_decode,
    decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};

use crate::{
    caller::{Caller, ON_BEHALF_OF, ServiceName, token_expired},
    claims::{CLOCK_SKEW, Claims},
    issuer::{AUDIENCE, DEVELOPMENT_ISSUER, Issuer, SERVICE_ISSUER, TrustedIssuer},
    jwks::Key,
    token_cache::{CacheKey, TokenCache},
};

/// Configuration of the trusted issuers and of this service's key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Issuers of user tokens.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// Public keys of Slipway's services. Each `kid` is the name of a service.
    pub service_jwks_file: PathBuf,
    /// This service's private key.
    pub service_key_file: PathBuf,
}

/// Verifies tokens. It keeps the keys in memory; [`Verifier::refresh`] reads them again.
pub struct Verifier {
    /// The issuer of service tokens is the first, so no configured issuer can replace it.
    issuers: Vec<Arc<TrustedIssuer>>,
    verified: TokenCache,
    http: reqwest::Client,
}

impl Verifier {
    /// Between two refreshes of the keys.
    pub const REFRESH_INTERVAL: Duration = Duration::from_secs(600);
    /// Between a failed refresh and the next one.
    pub const RETRY_INTERVAL: Duration = Duration::from_secs(5);

    /// Has no keys until the first [`Verifier::refresh`].
    pub fn new(settings: Settings) -> Self {
        let services = Issuer {
            issuer: SERVICE_ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks_url: String::new(),
            jwks_file: settings.service_jwks_file,
        };
        let issuers = std::iter::once(services).chain(settings.issuers);

        Self {
            issuers: issuers.map(TrustedIssuer::new).map(Arc::new).collect(),
            verified: TokenCache::new(),
            http: reqwest::Client::new(),
        }
    }

    pub fn has_development_issuer(&self) -> bool {
        self.issuers.iter().any(|trusted| trusted.issuer.issuer == DEVELOPMENT_ISSUER)
    }

    /// Reads the keys of all issuers. An issuer whose keys cannot be read keeps its old keys.
    ///
    /// # Errors
    /// `INTERNAL` with the last error when the keys of an issuer cannot be read.
    pub async fn refresh(&self) -> Result<(), Fault> {
        let mut last_error = None;

        for trusted in &self.issuers {
            if let Err(error) = trusted.refresh(&self.http).await {
                last_error = Some(error);
            }
        }

        last_error.map_or(Ok(()), |error| Err(Fault::internal(error)))
    }

    /// Whether calls can be verified, for health reports: the keys of the services and of at least
    /// one issuer of users have been read.
    ///
    /// # Errors
    /// `DEPENDENCY_FAILED` with the name of an issuer without keys.
    pub fn check_keys(&self) -> Result<(), Fault> {
        let has_keys = |trusted: &Arc<TrustedIssuer>| trusted.key_generation() > 0;
        let Some((services, users)) = self.issuers.split_first() else { return Ok(()) };

        if !has_keys(services) {
            return Err(services.keys_unknown());
        }
        match users.first() {
            Some(first) if !users.iter().any(has_keys) => Err(first.keys_unknown()),
            _ => Ok(()),
        }
    }

    /// Verifies a bearer token and, if a service acts for a user, the user's token.
    ///
    /// # Errors
    /// `TOKEN_MALFORMED`, `TOKEN_ISSUER`, `TOKEN_SIGNATURE`, `TOKEN_EXPIRED`,
    /// `TOKEN_NOT_YET_VALID`, `TOKEN_AUDIENCE`, `SERVICE_ONLY` when a user acts for a user.
    pub async fn verify(&self, bearer: &str, on_behalf_of: Option<&str>) -> Result<Caller, Fault> {
        let claims = self.verify_token(bearer).await?;
        if claims.iss != SERVICE_ISSUER {
            return match on_behalf_of {
                None => claims.caller(bearer),
                Some(_) => Err(user_acts_for_user()),
            };
        }

        let service = ServiceName::from_str(&claims.sub).map_err(|()| unknown_service())?;
        let Some(user_token) = on_behalf_of else {
            return Ok(Caller {
                service: Some(service),
                user: None,
                expires_at: claims.expires_at(),
                token: None,
            });
        };

        let user_claims = self.verify_token(user_token).await?;
        if user_claims.iss == SERVICE_ISSUER {
            return Err(service_acts_for_service());
        }

        Ok(Caller { service: Some(service), ..user_claims.caller(user_token)? })
    }

    async fn verify_token(&self, token: &str) -> Result<Arc<Claims>, Fault> {
        let cache_key = CacheKey::new(token, self.key_generation());
        if let Some(claims) = self.verified.get(&cache_key) {
            return Ok(claims);
        }

        let header = decode_header(token).map_err(not_a_jwt)?;
        // The unverified `iss` only selects the issuer whose key has to verify the signature below.
        let unverified = insecure_decode::<Claims>(token).map_err(not_a_jwt)?.claims;
        let trusted = self
            .issuers
            .iter()
            .find(|trusted| trusted.issuer.issuer == unverified.iss)
            .ok_or_else(unknown_issuer)?;

        let key_id = header.kid.unwrap_or_default();
        let mut decoded = decode_with_known_key(token, trusted, &key_id);
        if decoded.as_ref().is_err_and(|error| *error.kind() == ErrorKind::InvalidSignature) {
            trusted.fetch_for_token(&self.http).await?;
            decoded = decode_with_known_key(token, trusted, &key_id);
        }
        let claims = decoded.map_err(|error| invalid_token(&error, &trusted.issuer.audience))?;

        // jsonwebtoken compares whole seconds, and so accepts a token for up to a second longer.
        if SystemTime::now() >= claims.expires_at() {
            return Err(token_expired());
        }
        // A service's key signs tokens of that service only.
        if claims.iss == SERVICE_ISSUER && claims.sub != key_id {
            return Err(wrong_signature());
        }

        let claims = Arc::new(claims);
        self.verified.insert(cache_key, claims.clone());
        Ok(claims)
    }

    /// Rises when the JWKS of any issuer changes.
    fn key_generation(&self) -> u64 {
        self.issuers.iter().map(|trusted| trusted.key_generation()).sum()
    }
}

/// Verifies a token with each known key of this id.
fn decode_with_known_key(
    token: &str,
    trusted: &TrustedIssuer,
    key_id: &str,
) -> Result<Claims, Error> {
    let mut error = ErrorKind::InvalidSignature.into();

    for key in trusted.keys(key_id) {
        match decode(token, &key.decoding, &validation(&key, &trusted.issuer)) {
            Ok(token) => return Ok(token.claims),
            Err(other) if is_other_key(&other) => {}
            Err(other) => error = other,
        }
    }

    Err(error)
}

/// Whether another key may have signed the token.
fn is_other_key(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm)
}

fn validation(key: &Key, issuer: &Issuer) -> Validation {
    let mut validation = Validation {
        algorithms: key.algorithms.clone(),
        leeway: CLOCK_SKEW.as_secs(),
        validate_nbf: true,
        ..Validation::default()
    };
    validation.set_audience(&[&issuer.audience]);
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);

    validation
}

/// The fault of a token that does not pass [`validation`].
fn invalid_token(error: &Error, audience: &str) -> Fault {
    match error.kind() {
        ErrorKind::ExpiredSignature => token_expired(),
        ErrorKind::ImmatureSignature => Fault::new(
            Reason::TokenNotYetValid,
            "The token is not valid yet. Check the clocks of its issuer and of this service.",
        ),
        ErrorKind::InvalidAudience => Fault::new(
            Reason::TokenAudience,
            format!(
                "The token was issued for another audience. \
                 Ask your issuer for a token with audience `{audience}`."
            ),
        ),
        ErrorKind::MissingRequiredClaim(claim) => Fault::new(
            Reason::TokenMalformed,
            format!("The token has no `{claim}` claim. Get a new token from your issuer."),
        ),
        _ => wrong_signature(),
    }
}

fn not_a_jwt(error: Error) -> Fault {
    Fault::new(
        Reason::TokenMalformed,
        "The bearer token is not a signed JWT. Get a new token from your issuer.",
    )
    .cause(error)
}

fn unknown_issuer() -> Fault {
    Fault::new(
        Reason::TokenIssuer,
        "The token's issuer is not configured here. Use a token of your company's issuer.",
    )
}

fn wrong_signature() -> Fault {
    Fault::new(
        Reason::TokenSignature,
        "The token is not signed by a key of its issuer. Get a new token.",
    )
}

fn unknown_service() -> Fault {
    Fault::new(Reason::TokenIssuer, "The token's subject is not one of Slipway's services.")
}

fn user_acts_for_user() -> Fault {
    Fault::new(
        Reason::ServiceOnly,
        format!(
            "Only Slipway's own services can act on behalf of another user. \
             Leave `{ON_BEHALF_OF}` out and send only your own token."
        ),
    )
}

fn service_acts_for_service() -> Fault {
    Fault::new(
        Reason::TokenIssuer,
        format!(
            "A service cannot act on behalf of a service. Send a user's token in `{ON_BEHALF_OF}`."
        ),
    )
}

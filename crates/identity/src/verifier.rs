//! Verifies tokens with the keys of configured issuers (RFC 7519, RFC 8725).

use std::{
    path::PathBuf,
    str::FromStr as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{
    Validation,
    dangerous::insecure_decode,
    decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};
use slipway_names::{id::UserId, text::validate_line};

use crate::{
    caller::{Caller, ON_BEHALF_OF, ServiceName, User, token_expired},
    issuer::{AUDIENCE, DEVELOPMENT_ISSUER, Issuer, SERVICE_ISSUER, TrustedIssuer},
    jwks::Key,
};

/// Tolerated difference between the clocks of the issuer and of this service.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// The end of the year 9999. A later `exp` is treated as this time.
const LATEST_EXPIRY: u64 = 253_402_300_799;
/// The longest `sub` (OpenID Connect Core, section 2) and the longest name.
const MAX_TEXT_CHARACTERS: usize = 255;

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
    issuers: Vec<TrustedIssuer>,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    /// Seconds since the Unix epoch; may have a fraction (RFC 7519, section 2, NumericDate).
    #[serde(default)]
    exp: f64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    preferred_username: String,
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

        Self { issuers: issuers.map(TrustedIssuer::new).collect(), http: reqwest::Client::new() }
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

    /// Verifies a bearer token and, if a service acts for a user, the user's token.
    ///
    /// # Errors
    /// `TOKEN_MALFORMED`, `TOKEN_ISSUER`, `TOKEN_SIGNATURE`, `TOKEN_EXPIRED`,
    /// `TOKEN_NOT_YET_VALID`, `TOKEN_AUDIENCE`, `SERVICE_ONLY` when a user acts for a user.
    pub async fn verify(&self, bearer: &str, on_behalf_of: Option<&str>) -> Result<Caller, Fault> {
        let claims = self.verify_token(bearer).await?;
        if claims.iss != SERVICE_ISSUER {
            return match on_behalf_of {
                None => claims.into_caller(bearer),
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

        Ok(Caller { service: Some(service), ..user_claims.into_caller(user_token)? })
    }

    async fn verify_token(&self, token: &str) -> Result<Claims, Fault> {
        let header = decode_header(token).map_err(not_a_jwt)?;
        // The unverified `iss` only selects the issuer whose key has to verify the signature below.
        let unverified = insecure_decode::<Claims>(token).map_err(not_a_jwt)?.claims;
        let trusted = self
            .issuers
            .iter()
            .find(|trusted| trusted.issuer.issuer == unverified.iss)
            .ok_or_else(unknown_issuer)?;

        let key_id = header.kid.unwrap_or_default();
        let key = trusted.key(&key_id, &self.http).await.ok_or_else(wrong_signature)?;
        let claims = decode::<Claims>(token, &key.decoding, &validation(&key, &trusted.issuer))
            .map_err(|error| invalid_token(&error, &trusted.issuer.audience))?
            .claims;

        // A service's key signs tokens of that service only.
        if claims.iss == SERVICE_ISSUER && claims.sub != key_id {
            return Err(wrong_signature());
        }

        Ok(claims)
    }
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

impl Claims {
    /// The time at which [`Verifier::verify`] begins to refuse the token.
    fn expires_at(&self) -> SystemTime {
        let expiry = Duration::from_secs((self.exp as u64).min(LATEST_EXPIRY));
        UNIX_EPOCH + expiry + CLOCK_SKEW
    }

    /// An invalid name is dropped because it is only displayed. An invalid subject is refused
    /// because it identifies the user.
    fn into_caller(self, token: &str) -> Result<Caller, Fault> {
        validate_line(&self.sub, 1..=MAX_TEXT_CHARACTERS).map_err(|error| {
            Fault::new(Reason::TokenMalformed, format!("The token's `sub` {error}."))
        })?;

        let expires_at = self.expires_at();
        let mut name = if self.name.is_empty() { self.preferred_username } else { self.name };
        if validate_line(&name, 0..=MAX_TEXT_CHARACTERS).is_err() {
            name.clear();
        }
        let user = User {
            id: UserId::derive(&self.iss, &self.sub),
            issuer: self.iss,
            subject: self.sub,
            name,
        };

        Ok(Caller { service: None, user: Some(user), expires_at, token: Some(token.to_owned()) })
    }
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

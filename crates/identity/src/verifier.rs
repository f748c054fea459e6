//! Verifying tokens against the keys of configured issuers (RFC 7519, RFC 8725).

use std::{
    path::PathBuf,
    str::FromStr as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};
use slipway_names::{id::UserId, text::line};

use crate::{
    caller::{Caller, ServiceName, User},
    issuer::{Issuer, KnownIssuer},
};

/// `aud` of tokens for Slipway, unless configured otherwise.
pub const AUDIENCE: &str = "slipway";
/// `iss` of the development issuer.
pub const DEVELOPMENT_ISSUER: &str = "slipway-development";
pub(crate) const SERVICE_ISSUER: &str = "slipway-service";
const LEEWAY: Duration = Duration::from_secs(30);
/// The year 9999: an `exp` behind it stands for no end.
const LATEST_EXPIRY: u64 = 253_402_300_799;
/// Characters of a `sub` (OpenID Connect Core, section 2) and of a name.
const LONGEST_TEXT: usize = 255;

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

/// Verifies tokens. Keys live in memory; [`Verifier::refresh`] reads them anew.
pub struct Verifier {
    /// The services' own first: no configured issuer can stand in for it.
    issuers: Vec<KnownIssuer>,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    /// Seconds since the Unix epoch, perhaps with a fraction (RFC 7519, section 2, NumericDate).
    #[serde(default)]
    exp: f64,
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
        let services = Issuer {
            issuer: SERVICE_ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks_url: String::new(),
            jwks_file: settings.service_jwks_file,
        };
        let issuers =
            std::iter::once(services).chain(settings.issuers).map(KnownIssuer::new).collect();
        Self { issuers, http: reqwest::Client::new() }
    }

    /// Whether tokens of the development issuer count here.
    pub fn trusts_development(&self) -> bool {
        self.issuers.iter().any(|known| known.issuer.issuer == DEVELOPMENT_ISSUER)
    }

    /// Reads all keys. An issuer whose keys cannot be had keeps its old ones.
    pub async fn refresh(&self) -> Result<(), Fault> {
        let mut failed = None;
        for known in &self.issuers {
            if let Err(error) = known.refresh(&self.http).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(Fault::internal(error)))
    }

    /// Who calls, by its bearer token and perhaps the token of the user it acts for.
    pub async fn verify(&self, bearer: &str, on_behalf_of: Option<&str>) -> Result<Caller, Fault> {
        let claims = self.claims(bearer).await?;
        if claims.iss != SERVICE_ISSUER {
            return match on_behalf_of {
                None => claims.caller(bearer),
                Some(_) => Err(Fault::new(
                    Reason::ServiceOnly,
                    "only Slipway's own services act for somebody else; leave `slipway-on-behalf-of` away and send your own token alone",
                )),
            };
        }
        let service = ServiceName::from_str(&claims.sub)
            .map_err(|()| Fault::new(Reason::TokenIssuer, "no such service"))?;
        let Some(token) = on_behalf_of else {
            return Ok(Caller {
                service: Some(service),
                user: None,
                expires_at: claims.expires_at(),
                token: None,
            });
        };
        let claims = self.claims(token).await?;
        match claims.iss == SERVICE_ISSUER {
            true => Err(Fault::new(Reason::TokenIssuer, "a service cannot act for a service")),
            false => Ok(Caller { service: Some(service), ..claims.caller(token)? }),
        }
    }

    async fn claims(&self, token: &str) -> Result<Claims, Fault> {
        let malformed = |error: jsonwebtoken::errors::Error| {
            Fault::new(
                Reason::TokenMalformed,
                "the bearer token is not a signed JWT; get a new one from your issuer",
            )
            .cause(error)
        };
        let header = decode_header(token).map_err(malformed)?;
        // Read to choose the issuer; the signature is checked below.
        let untrusted: Claims =
            jsonwebtoken::dangerous::insecure_decode::<Claims>(token).map_err(malformed)?.claims;
        let known = self
            .issuers
            .iter()
            .find(|known| known.issuer.issuer == untrusted.iss)
            .ok_or_else(|| Fault::new(Reason::TokenIssuer, "the token's issuer is not configured here; use a token of your company's issuer"))?;
        let signature = || {
            Fault::new(
                Reason::TokenSignature,
                "the token is not signed by a key of its issuer; get a new one",
            )
        };
        let id = header.kid.unwrap_or_default();
        let key = known.key(&id, &self.http).await.ok_or_else(signature)?;
        let audience = &known.issuer.audience;
        let mut validation = Validation {
            algorithms: key.algorithms.clone(),
            leeway: LEEWAY.as_secs(),
            validate_nbf: true,
            ..Validation::default()
        };
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&known.issuer.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key.decoding, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Fault::new(Reason::TokenExpired, "the token has expired; sign in again"),
            ErrorKind::ImmatureSignature => {
                Fault::new(Reason::TokenNotYetValid, "the token is not valid yet; check the clocks of its issuer and of this service")
            }
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

impl Claims {
    /// From then on [`Verifier::verify`] would refuse the token.
    fn expires_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs((self.exp as u64).min(LATEST_EXPIRY)) + LEEWAY
    }

    /// A name is for show, so one that cannot be shown is left away; who it is must be told exactly.
    fn caller(self, token: &str) -> Result<Caller, Fault> {
        line(&self.sub, 1..=LONGEST_TEXT).map_err(|error| {
            Fault::new(Reason::TokenMalformed, format!("the token's `sub` {error}"))
        })?;
        let expires_at = self.expires_at();
        let name = if self.name.is_empty() { self.preferred_username } else { self.name };
        let name = if line(&name, 0..=LONGEST_TEXT).is_ok() { name } else { String::new() };
        let user = User {
            id: UserId::derive(&self.iss, &self.sub),
            issuer: self.iss,
            subject: self.sub,
            name,
        };
        Ok(Caller { service: None, user: Some(user), expires_at, token: Some(token.to_owned()) })
    }
}

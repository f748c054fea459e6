//! The claims of a token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use slipway_fault::{Fault, Reason};
use slipway_names::{id::UserId, text::validate_line};

use crate::caller::{Caller, User};

/// Tolerated difference between the clocks of the issuer and of this service.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// The end of the year 9999. A later `exp` is treated as this time.
const LATEST_EXPIRY: u64 = 253_402_300_799;
/// The longest `sub` (OpenID Connect Core, section 2) and the longest name.
const MAX_TEXT_CHARACTERS: usize = 255;

/// The claims that Slipway reads. Other claims are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    /// Seconds since the Unix epoch; may have a fraction (RFC 7519, section 2, NumericDate).
    #[serde(default)]
    exp: f64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    preferred_username: String,
}

impl Claims {
    /// The length of all texts.
    pub(crate) fn text_bytes(&self) -> usize {
        [&self.iss, &self.sub, &self.name, &self.preferred_username].map(String::len).iter().sum()
    }

    /// The time from which the token is refused.
    pub(crate) fn expires_at(&self) -> SystemTime {
        let expiry = Duration::from_secs((self.exp as u64).min(LATEST_EXPIRY));
        UNIX_EPOCH + expiry + CLOCK_SKEW
    }

    /// An invalid name is dropped because it is only displayed. An invalid subject is refused
    /// because it identifies the user.
    pub(crate) fn caller(&self, token: &str) -> Result<Caller, Fault> {
        validate_line(&self.sub, 1..=MAX_TEXT_CHARACTERS).map_err(|error| {
            Fault::new(Reason::TokenMalformed, format!("The token's `sub` {error}."))
        })?;

        let name = if self.name.is_empty() { &self.preferred_username } else { &self.name };
        let is_valid_name = validate_line(name, 0..=MAX_TEXT_CHARACTERS).is_ok();
        let user = User {
            id: UserId::derive(&self.iss, &self.sub),
            issuer: self.iss.clone(),
            subject: self.sub.clone(),
            name: if is_valid_name { name.clone() } else { String::new() },
        };

        Ok(Caller {
            service: None,
            user: Some(user),
            expires_at: self.expires_at(),
            token: Some(token.to_owned()),
        })
    }
}

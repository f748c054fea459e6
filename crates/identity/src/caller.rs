//! The caller of one RPC.

use std::{fmt, str::FromStr, time::SystemTime};

use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;

/// Metadata key of the token of the user that a service acts for.
pub const ON_BEHALF_OF: &str = "slipway-on-behalf-of";

/// A user, as described by a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Derived from issuer and subject.
    pub id: UserId,
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
    /// `name` or `preferred_username`; may be empty.
    pub name: String,
}

/// One of Slipway's services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceName {
    Permission,
    Catalog,
    Builder,
}

impl ServiceName {
    /// The name in tokens, queue names and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Catalog => "catalog",
            Self::Builder => "builder",
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for ServiceName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Permission, Self::Catalog, Self::Builder]
            .into_iter()
            .find(|service| service.as_str() == text)
            .ok_or(())
    }
}

/// The verified caller of a call.
#[derive(Clone)]
pub struct Caller {
    /// The calling service; `None` for a user's own call.
    pub service: Option<ServiceName>,
    /// The calling user, or the user that the service acts for.
    pub user: Option<User>,
    /// Expiry of the token that grants the rights: the user's token if there is one, else the
    /// service's.
    pub expires_at: SystemTime,
    /// The user's token, to pass on to other services. Never logged.
    pub(crate) token: Option<String>,
}

impl Caller {
    /// # Errors
    /// `TOKEN_MISSING` when a service calls without a user.
    pub fn require_user(&self) -> Result<&User, Fault> {
        self.user.as_ref().ok_or_else(|| {
            Fault::new(
                Reason::TokenMissing,
                "This call is made on behalf of a user. Send the user's token.",
            )
        })
    }

    /// # Errors
    /// `SERVICE_ONLY` unless one of the `allowed` services calls.
    pub fn require_service(&self, allowed: &[ServiceName]) -> Result<ServiceName, Fault> {
        self.service.filter(|service| allowed.contains(service)).ok_or_else(|| {
            Fault::new(Reason::ServiceOnly, "Only Slipway's own services may make this call.")
        })
    }

    /// For streams, which may outlive the token that was verified when they were opened.
    ///
    /// # Errors
    /// `TOKEN_EXPIRED`
    pub fn require_unexpired(&self, now: SystemTime) -> Result<(), Fault> {
        if now < self.expires_at { Ok(()) } else { Err(token_expired()) }
    }

    /// The user's token, for `slipway-on-behalf-of`.
    pub fn user_token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

pub(crate) fn token_expired() -> Fault {
    Fault::new(Reason::TokenExpired, "The token has expired. Sign in again.")
}

impl fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Caller")
            .field("service", &self.service)
            .field("user", &self.user.as_ref().map(|user| user.id))
            .finish_non_exhaustive()
    }
}

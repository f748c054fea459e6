//! The caller of one RPC.

use std::{fmt, str::FromStr, time::SystemTime};

use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;

/// Metadata key: the token of the user that a service acts for.
pub const ON_BEHALF_OF: &str = "slipway-on-behalf-of";

/// A person, as a token told.
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
    /// permission
    Permission,
    /// catalog
    Catalog,
    /// builder
    Builder,
}

impl ServiceName {
    /// As in tokens, names of queues and configuration.
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

/// Who calls, verified.
#[derive(Clone)]
pub struct Caller {
    /// Set when a service calls.
    pub service: Option<ServiceName>,
    /// The user: the caller itself, or whom the service acts for.
    pub user: Option<User>,
    /// When the token whose power this is stops to count: the user's, else the service's own, which is made for one call.
    pub expires_at: SystemTime,
    /// The user's token, to hand on; never logged.
    pub(crate) token: Option<String>,
}

impl Caller {
    /// The user, or a refusal where a service calls for nobody.
    pub fn require_user(&self) -> Result<&User, Fault> {
        self.user.as_ref().ok_or_else(|| {
            Fault::new(Reason::TokenMissing, "this call is made for a user; send the user's token")
        })
    }

    /// Refuses everyone but the services listed.
    pub fn require_service(&self, allowed: &[ServiceName]) -> Result<ServiceName, Fault> {
        self.service.filter(|service| allowed.contains(service)).ok_or_else(|| {
            Fault::new(Reason::ServiceOnly, "only Slipway's own services may call this")
        })
    }

    /// Refuses once the token has expired: a stream outlives the moment in which its call was verified.
    pub fn require_unexpired(&self, now: SystemTime) -> Result<(), Fault> {
        match now < self.expires_at {
            true => Ok(()),
            false => Err(Fault::new(Reason::TokenExpired, "the token has expired; sign in again")),
        }
    }

    /// The user's token, for `slipway-on-behalf-of`.
    pub fn user_token(&self) -> Option<&str> {
        self.token.as_deref()
    }
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

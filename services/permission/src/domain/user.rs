//! Users.

use slipway_names::{id::UserId, unit::Micros};

/// The claims of tokens that identify a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
}

/// The owner of a token of a configured issuer, or an invited user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Derived from issuer and subject.
    pub id: UserId,
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
    /// May be empty.
    pub name: String,
    /// False until an invited user makes the first call.
    pub seen: bool,
    pub create_time: Micros,
}

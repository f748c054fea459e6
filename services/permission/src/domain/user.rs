//! Users.

use slipway_names::id::UserId;

/// Somebody with a token of a configured issuer, or invited to come with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Derived from issuer and subject.
    pub id: UserId,
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
    /// May be empty.
    pub name: String,
    /// False while only invited.
    pub seen: bool,
    /// Microseconds since the Unix epoch.
    pub create_time: i64,
}

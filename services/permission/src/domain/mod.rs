//! Words and rules of permission. Pure: no clock, no storage, no wire.

pub mod grant;
pub mod group;
pub mod object;
pub mod user;

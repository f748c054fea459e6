//! Domain types as wire messages, and wire messages as domain types. Errors are `FIELD_INVALID`
//! with the path of the field.

pub mod check;
pub mod event;
pub mod feed;
pub mod grant;
pub mod group;
pub mod object;
pub mod role;
pub mod subject;
pub mod user;

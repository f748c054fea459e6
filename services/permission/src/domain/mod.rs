//! Types and rules of permission. Pure: no clock, no database, no wire types.

pub mod check;
pub mod event;
pub mod feed;
pub mod grant;
pub mod group;
pub mod object;
pub mod subject;
pub mod user;

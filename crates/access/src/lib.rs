#![doc = include_str!("../README.md")]

mod apply;
mod feed;
mod predicate;
mod state;

pub use apply::{Applied, apply_change, apply_snapshot};
pub use feed::Feed;
pub use predicate::{Reader, sees};
pub use state::{fresh, wait_for};

/// The tables of this crate, for a service's first migration.
pub const SCHEMA: &str = include_str!("schema.sql");

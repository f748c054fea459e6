#![doc = include_str!("../README.md")]

mod append;
pub mod idempotency;
pub mod lease;
mod log;
mod relay;
mod watch;

pub use append::{Event, append};
pub use log::{Entry, after, last_position};
pub use relay::{Relay, Wake};
pub use watch::EventLog;

/// The tables of this crate, for a service's first migration.
pub const SCHEMA: &str = include_str!("schema.sql");

#![doc = include_str!("../README.md")]

mod append;
mod entities;
mod log;
mod relay;

pub use append::{NewMessage, append};
pub use log::{Entry, entries_after, last_position};
pub use relay::{Relay, Wake};

/// The tables of this crate, for a service's first migrations.
pub const SCHEMA: &str = include_str!("schema.sql");

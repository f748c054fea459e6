#![doc = include_str!("../README.md")]

pub mod clock;
pub mod column;
mod connection;
mod entities;
mod error;
pub mod idempotency;
pub mod lease;
mod migration;
mod raw;

pub use connection::{Database, Settings};
pub use error::StoreError;
pub use migration::{SqlMigration, pending_migrations};
pub use raw::raw_rows;

/// The tables of this crate, for a service's first migrations.
pub const SCHEMA: &str = include_str!("schema.sql");

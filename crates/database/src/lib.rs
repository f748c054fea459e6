#![doc = include_str!("../README.md")]

mod connection;
mod migration;
mod time;

pub use connection::{Database, Settings};
pub use migration::{SqlMigration, pending};
pub use time::{from_micros, micros};

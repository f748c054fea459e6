#![doc = include_str!("../README.md")]

#[cfg(feature = "database")]
mod database;
mod fault;
mod reason;
mod status;

pub use fault::{Fault, Violation};
pub use reason::{Disposition, Kind, Reason};
pub use status::DOMAIN;

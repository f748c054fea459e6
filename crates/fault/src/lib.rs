#![doc = include_str!("../README.md")]

mod fault;
mod reason;
mod received;
mod status;

pub use fault::{Fault, Violation};
pub use reason::{Disposition, Kind, Reason};
pub use received::sent_reason;
pub use status::DOMAIN;

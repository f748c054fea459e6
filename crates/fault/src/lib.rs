#![doc = include_str!("../README.md")]

mod fault;
mod from_status;
mod reason;
mod to_status;

pub use fault::{Fault, Violation};
pub use from_status::sent_reason;
pub use reason::{Disposition, Kind, Reason};
pub use to_status::DOMAIN;

#![doc = include_str!("../README.md")]

mod guard;
mod traceparent;

pub use guard::{Guard, LogFormat, Settings, init};
pub use traceparent::{current, from_headers, inject, set_parent};

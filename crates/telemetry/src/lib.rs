#![doc = include_str!("../README.md")]

mod guard;
mod traceparent;

pub use guard::{Guard, LogFormat, Settings, init};
pub use traceparent::{
    current_traceparent, inject_traceparent, set_parent, traceparent_from_headers,
};

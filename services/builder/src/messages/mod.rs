//! Conversions between the domain and wire messages. Pure.

pub(crate) mod build;
mod build_requested;
mod failure;
mod log;

//! Streams of the services: read to their end, and opened again when they break before it.

pub(crate) mod build;
pub(crate) mod events;
pub(crate) mod log;
mod retry_policy;

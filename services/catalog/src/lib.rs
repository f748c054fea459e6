//! The catalog service: which images exist, and which reference to run.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod inbound;
mod messages;
pub mod reconcile;
pub mod store;
pub mod wire_up;

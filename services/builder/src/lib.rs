//! The builder service: turns build requests into pushed images.

pub mod api;
pub mod app;
mod clients;
pub mod config;
pub mod domain;
pub mod executor;
pub mod inbound;
mod messages;
pub mod reconcile;
pub mod store;
pub mod wire_up;
pub mod worker;

//! The builder service: from a build request to a pushed image.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod executor;
pub mod inbound;
mod outbound;
pub mod reconcile;
pub mod store;
pub mod wire_up;

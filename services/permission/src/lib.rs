//! The permission service: users, groups, grants, and who may do what.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
mod outbound;
pub mod store;
pub mod wire_up;

//! The permission service: users, groups, grants, and the decisions based on them.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod messages;
pub mod store;
pub mod wire_up;

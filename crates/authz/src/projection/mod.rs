//! The projection of permission's grants and memberships in another service's database.

pub mod apply;
pub mod condition;
pub mod entities;
pub mod feed;
pub mod hash;
pub mod state;

/// The tables of the projection, for a service's first migration.
pub const SCHEMA: &str = include_str!("schema.sql");

#![doc = include_str!("../README.md")]

mod artifact;
mod base;
mod client;
mod strict_json;

pub use artifact::{Artifact, Inspection};
pub use base::{UnsafeBase, check_base};
pub use client::{Registries, RegistryConfig, RegistryError};

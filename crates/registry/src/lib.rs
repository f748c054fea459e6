#![doc = include_str!("../README.md")]

mod artifact;
mod base_check;
mod client;
mod strict_json;

pub use artifact::{Artifact, Inspection};
pub use base_check::{UnsafeBase, check_base};
pub use client::{Registries, RegistryConfig, RegistryError};

#![doc = include_str!("../README.md")]

mod client;
mod inspection;
mod strict_json;

pub use client::{Registries, RegistryConfig, RegistryError};
pub use inspection::{Artifact, Inspection, UnsafeBase, check_base};

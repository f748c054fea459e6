#![doc = include_str!("../README.md")]

mod artifact;
mod base_check;
mod client;
mod layer;
mod strict_json;

pub use artifact::{Artifact, Inspection, Layer};
pub use base_check::{UnsafeBase, check_base};
pub use client::{Registries, RegistryConfig, RegistryError};
pub use layer::LayerSource;

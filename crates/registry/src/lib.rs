#![doc = include_str!("../README.md")]

mod client;
mod inspection;

pub use client::{Registries, RegistryError, Settings};
pub use inspection::{Artifact, Inspection, UnsafeBase, check_base};

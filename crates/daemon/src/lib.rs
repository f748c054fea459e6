#![doc = include_str!("../README.md")]

pub mod client;
pub mod config;
pub mod health;
mod call_layer;
pub mod process;
mod server;
mod supervisor;

pub use call_layer::remaining;
pub use server::{Listen, Server, install_crypto_provider};
pub use supervisor::Supervisor;

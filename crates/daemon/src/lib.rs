#![doc = include_str!("../README.md")]

mod call_layer;
pub mod client;
pub mod config;
pub mod health;
pub mod process;
mod server;
mod supervisor;

pub use call_layer::remaining;
pub use server::{Listen, Server, install_crypto_provider};
pub use supervisor::Supervisor;

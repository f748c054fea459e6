#![doc = include_str!("../README.md")]

mod admission;
mod body;
mod call_layer;
pub mod client;
pub mod config;
pub mod health;
mod limits;
pub mod process;
mod redaction;
mod server;
mod supervisor;

pub use call_layer::remaining;
pub use limits::Limits;
pub use server::{Listen, Server, install_crypto_provider};
pub use supervisor::Supervisor;

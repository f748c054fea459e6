#![doc = include_str!("../README.md")]

mod admission;
mod body;
mod call_layer;
pub mod client;
mod concurrency;
pub mod config;
mod config_redaction;
mod event_service;
pub mod health;
mod http2;
mod limits;
pub mod process;
mod server;
mod supervisor;

use mimalloc::MiMalloc;

pub use call_layer::remaining_deadline;
pub use event_service::EventLog;
pub use limits::Limits;
pub use server::{Listen, Server, install_crypto_provider};
pub use supervisor::Supervisor;

/// Faster than the allocator of glibc: a call makes several hundred small allocations. Without
/// transparent huge pages (feature `no_thp`), which cost 20 MiB of an idle process.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

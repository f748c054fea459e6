//! Use cases of the builder: watching and cancelling for people, running for workers.

mod attempt;
mod builds;
pub mod executor;
mod log_sink;
pub mod queue;
pub mod worker;

pub use builds::{App, RequestSource};
pub use log_sink::LogSink;
pub use queue::LogStore;

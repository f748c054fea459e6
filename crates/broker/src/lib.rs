#![doc = include_str!("../README.md")]

mod connection;
mod envelope;
mod in_process;
mod port;
mod publisher;
mod rabbit;
pub mod topology;

pub use envelope::{Envelope, InvalidEnvelope};
pub use in_process::{FaultInjection, InProcess};
pub use port::{Broker, BrokerError, Handler};
pub use rabbit::{Rabbit, Settings};

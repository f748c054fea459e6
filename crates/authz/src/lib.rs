#![doc = include_str!("../README.md")]

#[cfg(feature = "client")]
pub mod check;
#[cfg(feature = "client")]
pub mod client;
pub mod object;
#[cfg(feature = "database")]
pub mod projection;
#[cfg(any(feature = "client", feature = "database"))]
pub mod refusal;
pub mod role;
pub mod subject;
pub mod wire;
pub mod word;

//! What comes in over the broker: one file per message type.

mod build_requested;

pub use build_requested::{BuildRequestedHandler, parse};

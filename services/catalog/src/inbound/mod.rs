//! What comes in over the broker: one file per message type.

mod build_state_changed;

pub use build_state_changed::BuildStateChangedHandler;

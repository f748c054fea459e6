//! Handlers of messages from the broker. One file per message type.

pub mod build_requested;

//! Messages that the catalog consumes: one file per message type.

pub mod build_state_changed;

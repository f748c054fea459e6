//! Rules of builds. Pure: no clock, no storage, no wire.

pub mod arrow;
pub mod build;
pub mod containerfile;
pub mod failure;
pub mod log;
pub mod spec;
pub mod state;

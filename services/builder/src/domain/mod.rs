//! Rules of builds. Pure: no clock, no storage, no wire types.

pub mod attempt;
pub mod build;
pub mod containerfile;
pub mod failure;
pub mod log;
pub mod spec;
pub mod step;
pub mod transition;

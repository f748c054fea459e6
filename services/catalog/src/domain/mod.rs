//! Rules of images. Pure: no clock, no storage, no wire.

pub mod access;
pub mod build;
pub mod image;
pub mod resolve;
pub mod revision;
pub mod spec;

//! Rules of images. Pure: no clock, no storage, no wire types.

pub mod access;
pub mod artifact;
pub mod build;
pub mod build_request;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod image;
pub mod image_type;
pub mod list;
pub mod resolve;
pub mod revision;
pub mod source;
pub mod spec;

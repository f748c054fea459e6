//! Wire messages to domain values and back. Pure. What a message may not say is refused by field.

pub(crate) mod access;
pub(crate) mod artifact;
pub(crate) mod build;
pub(crate) mod build_request;
pub(crate) mod image;
pub(crate) mod image_type;
pub(crate) mod list;
pub(crate) mod resolve;
pub(crate) mod revision;
pub(crate) mod source;
pub(crate) mod spec;

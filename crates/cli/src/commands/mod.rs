//! The commands: one file or folder for each noun, and what several of them share.

pub(crate) mod build;
pub(crate) mod events;
pub(crate) mod grant;
pub(crate) mod group;
pub(crate) mod image;
pub(crate) mod manual;
mod pages;
mod request_file;
mod request_id;
pub(crate) mod revision;
mod source;
pub(crate) mod user;

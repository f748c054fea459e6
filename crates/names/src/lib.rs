#![doc = include_str!("../README.md")]

pub mod digest;
pub mod id;
pub mod platform;
pub mod port;
pub mod reference;
pub mod revision;
pub mod slug;
pub mod text;
pub mod unit;

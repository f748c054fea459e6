#![doc = include_str!("../README.md")]

pub mod digest;
pub mod grant;
pub mod id;
pub mod image_name;
pub mod platform;
pub mod reference;
pub mod text;

#![doc = include_str!("../README.md")]

pub mod field;
pub mod key;
pub mod method;
pub mod page;

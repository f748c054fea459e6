#![doc = include_str!("../README.md")]
#![expect(clippy::print_stderr, reason = "the test rig reports its progress")]

pub mod base_image;
#[cfg(feature = "identity")]
pub mod call;
pub mod cgroup;
#[cfg(feature = "database")]
pub mod database;
pub mod debian_packages;
pub mod env;
#[cfg(feature = "identity")]
pub mod identity;
#[cfg(feature = "database")]
mod on_both_databases;
pub mod package_hosts;
pub mod ports;
pub mod postgres;
pub mod process;
#[cfg(feature = "protos")]
pub mod proto_enum;
pub mod rabbitmq;
pub mod registry;
pub mod stack;
pub mod user;

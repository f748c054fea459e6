#![doc = include_str!("../README.md")]
#![expect(clippy::print_stderr, reason = "a harness tells what it does")]

pub mod base;
pub mod cgroup;
pub mod env;
mod on_both_databases;
pub mod packages;
pub mod postgres;
pub mod process;
pub mod rabbitmq;
pub mod registry;
pub mod stack;
pub mod user;

#![doc = include_str!("../README.md")]

pub mod apt;
pub mod conda;
pub mod pip;

mod line;
mod lists;
mod rules;

pub use line::{LineError, PackageManager, Problem};
pub use lists::{MAX_BYTES, MAX_LINES, PackageLists, Refusal};
pub use rules::PackageRules;

#[cfg(test)]
mod tests;

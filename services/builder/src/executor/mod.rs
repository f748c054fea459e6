//! Adapters of the executor port: buildah, and a scripted fake for tests.

pub mod buildah;
mod scripted;

pub use scripted::Scripted;

//! Adapters of the executor port: buildah for real, a scripted one for tests.

pub mod buildah;
mod scripted;

pub use scripted::Scripted;

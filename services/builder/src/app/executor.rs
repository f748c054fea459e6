//! The port through which a worker makes images. Implemented by buildah and by a scripted fake.

use async_trait::async_trait;
use slipway_names::id::BuildId;

use crate::{
    app::LogSink,
    domain::{
        build::{Build, Pushed},
        failure::Failure,
    },
};

/// The base, resolved and inspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// `<registry>/<repository>@sha256:…`
    pub reference: String,
    /// Of its manifest.
    pub digest: String,
    /// `os/architecture`
    pub platform: String,
    /// What will be built.
    pub containerfile: String,
}

/// Makes one attempt's image. Dropping a future of these ends everything it started.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Resolves, inspects and pulls the base; renders the Containerfile.
    async fn prepare(&self, build: &Build, log: &mut LogSink) -> Result<Base, Failure>;

    /// Installs the packages; the image lies in the attempt's own storage afterwards.
    async fn install(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<(), Failure>;

    /// Pushes the image under the attempt's tag.
    async fn push(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<Pushed, Failure>;

    /// Clears what the attempt left.
    async fn discard(&self, id: BuildId, attempt: i32);

    /// Clears what every attempt before left, for a worker that begins: the one before it died.
    async fn reap(&self);
}

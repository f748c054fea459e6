//! The port through which a worker builds images. Implemented by buildah and by a scripted fake.

use async_trait::async_trait;
use slipway_names::{id::BuildId, platform::Platform};
use slipway_registry::Layer;

use crate::{
    domain::{
        attempt::AttemptNumber,
        build::{Build, Pushed, ResolvedBase},
        failure::Failure,
    },
    worker::log_sink::LogSink,
};

/// The base, resolved and inspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// `<registry>/<repository>@sha256:…`
    pub reference: String,
    pub platform: Platform,
    /// From the lowest on.
    pub layers: Vec<Layer>,
    pub resolved: ResolvedBase,
}

/// Builds the image of one attempt. Dropping a future of this trait ends every process that it
/// started.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Resolves, inspects and pulls the base; renders the Containerfile.
    async fn prepare(&self, build: &Build, log: &mut LogSink) -> Result<Base, Failure>;

    /// Installs the packages. Afterwards the image is in the attempt's own storage.
    async fn install(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<(), Failure>;

    /// Pushes the image under the attempt's tag.
    async fn push(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<Pushed, Failure>;

    /// Removes the files and processes of an attempt.
    async fn remove_attempt(&self, id: BuildId, attempt: AttemptNumber);

    /// Removes the files and processes of all attempts. Only for the start of a worker, when none
    /// of its attempts run.
    async fn remove_all_attempts(&self);
}

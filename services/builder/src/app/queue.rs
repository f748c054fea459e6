//! The one port through which a worker speaks to the rest: it could run where there is no database and no broker.

use async_trait::async_trait;
use slipway_fault::Fault;
use slipway_names::id::BuildId;
use uuid::Uuid;

use crate::domain::{arrow::Arrow, build::Build, log::LogChunk, state::Refused};

/// Whether an attempt may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// A cancel was asked for.
    Cancel,
    /// The attempt is somebody else's, or over.
    Fenced,
}

/// Implemented by the store.
#[async_trait]
pub trait Queue: LogStore {
    /// A waiting build, PREPARING from now on, with its new attempt and a lease.
    async fn claim(&self, worker: Uuid) -> Result<Option<Build>, Fault>;

    /// Renews the lease of an attempt; the answer carries a cancel that was asked for.
    async fn heartbeat(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault>;

    /// The heartbeat's answer without the heartbeat: a cancel must not wait for one.
    async fn verdict(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault>;

    /// Moves the attempt's build along one arrow. `Ok(Err(_))` when the table has none, or the attempt is over.
    async fn advance(
        &self,
        id: BuildId,
        attempt: i32,
        arrow: &Arrow,
    ) -> Result<Result<Build, Refused>, Fault>;
}

/// Where a log goes.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// `false` for an attempt that is over, and for a piece that is here already.
    async fn append(&self, id: BuildId, chunk: &LogChunk) -> Result<bool, Fault>;

    /// The step that the attempt is in now.
    async fn step(&self, id: BuildId, attempt: i32, step: &str) -> Result<(), Fault>;
}

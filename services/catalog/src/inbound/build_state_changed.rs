//! `builder.build.*`: the revision follows its build, and settles when it ends.

use async_trait::async_trait;
use slipway_broker::{Envelope, Handler};
use slipway_fault::Fault;
use slipway_wire::{
    builder::v1::{BuildState, FailureClass},
    event::v1::BuildStateChanged,
};
use tracing::Instrument as _;

use crate::{
    domain::{
        build::{BuildFailure, BuildProgress, Outcome},
        revision::Artifact,
    },
    store::{Report, Store},
};

/// Notes what the builder tells.
pub struct BuildStateChangedHandler {
    store: Store,
}

impl BuildStateChangedHandler {
    /// Into this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Handler for BuildStateChangedHandler {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        let report = parse(envelope)?;
        let span = tracing::info_span!("note build state", build.id = %report.build, build.state = report.progress.state);
        slipway_telemetry::set_parent(&span, &envelope.traceparent);
        self.store.report(&report).instrument(span).await.map(|_| ())
    }
}

fn parse(envelope: &Envelope) -> Result<Report, Fault> {
    let message: BuildStateChanged = serde_json::from_value(envelope.data.clone())
        .map_err(|error| Fault::field("data", format!("is no BuildStateChanged: {error}")))?;
    let outcome = match message.state() {
        BuildState::Succeeded => Some(Outcome::Succeeded),
        BuildState::Failed | BuildState::TimedOut | BuildState::Expired => Some(Outcome::Failed),
        BuildState::Cancelled => Some(Outcome::Cancelled),
        _ => None,
    };
    let state = message.state().as_str_name().trim_start_matches("BUILD_STATE_").to_lowercase();
    let failure = message.failure.clone().map(|failure| BuildFailure {
        class: match failure.failure_class() {
            FailureClass::User => "user",
            FailureClass::Limit => "limit",
            _ => "platform",
        }
        .to_owned(),
        reason: failure.reason,
        step: failure.step,
        message: failure.message,
    });
    let artifact = (outcome == Some(Outcome::Succeeded)).then(|| Artifact {
        reference: message.reference.clone(),
        digest: message.digest.clone(),
        platforms: vec![message.platform.clone()],
        size_bytes: message.size_bytes,
    });
    Ok(Report {
        build: message.build_id.parse().map_err(|error| Fault::field("build_id", error))?,
        progress: BuildProgress { state, step: message.step, sequence: envelope.sequence, failure },
        outcome,
        artifact,
    })
}

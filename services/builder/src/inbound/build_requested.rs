//! `catalog.build.requested`: queues a build, once.

use async_trait::async_trait;
use slipway_broker::{Envelope, Handler};
use slipway_fault::Fault;
use slipway_wire::builder::v1::BuildRequested;
use tracing::Instrument as _;

use crate::{domain::build::Request, store::Store};

/// Queues the requested builds.
pub struct BuildRequestedHandler {
    store: Store,
}

impl BuildRequestedHandler {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Handler for BuildRequestedHandler {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        let message: BuildRequested =
            serde_json::from_value(envelope.data.clone()).map_err(|error| {
                Fault::field("data", format!("is not a BuildRequested message: {error}"))
            })?;
        let request = Request::try_from(message)?;

        let span = tracing::info_span!("queue build", build.id = %request.id);
        slipway_telemetry::set_parent(&span, &envelope.traceparent);

        Ok(self.store.enqueue(&request).instrument(span).await?)
    }
}

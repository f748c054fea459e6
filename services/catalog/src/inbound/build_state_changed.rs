//! `builder.build.*`: updates the revision of the build, and settles it when the build ends.

use async_trait::async_trait;
use slipway_broker::{Envelope, Handler};
use slipway_fault::Fault;
use slipway_request::field::Field;
use tracing::Instrument as _;

use crate::{app::App, messages::build::update_from_wire};

/// Stores the state changes of builds.
pub struct BuildStateChangedHandler {
    app: App,
}

impl BuildStateChangedHandler {
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

#[async_trait]
impl Handler for BuildStateChangedHandler {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        let sequence = Field("sequence").convert(envelope.sequence)?;
        let update = update_from_wire(&envelope.data, sequence)?;

        let span = tracing::info_span!(
            "apply build update",
            build.id = %update.build,
            build.state = %update.progress.state
        );
        slipway_telemetry::set_parent(&span, &envelope.traceparent);

        self.app.apply_build_update(&update).instrument(span).await
    }
}

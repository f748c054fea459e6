//! `catalog.build.requested`: a build is queued, once.

use async_trait::async_trait;
use slipway_broker::{Envelope, Handler};
use slipway_database::micros;
use slipway_fault::Fault;
use slipway_wire::builder::v1::BuildRequested;

use crate::{
    domain::{build::Request, spec::Spec},
    store::Store,
};

/// Queues what the catalog asks for.
pub struct BuildRequestedHandler {
    store: Store,
}

impl BuildRequestedHandler {
    /// Into this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Handler for BuildRequestedHandler {
    async fn handle(&self, envelope: &Envelope) -> Result<(), Fault> {
        let message: BuildRequested = serde_json::from_value(envelope.data.clone())
            .map_err(|error| Fault::field("data", format!("is no BuildRequested: {error}")))?;
        let request = parse(message)?;
        let span = tracing::info_span!("queue build", build.id = %request.id);
        slipway_telemetry::set_parent(&span, &envelope.traceparent);
        tracing::Instrument::instrument(self.store.enqueue(&request), span).await
    }
}

/// The message as the domain knows it; also for a request fetched from the catalog.
pub fn parse(message: BuildRequested) -> Result<Request, Fault> {
    fn id<T: std::str::FromStr<Err: std::fmt::Display>>(
        text: &str,
        field: &str,
    ) -> Result<T, Fault> {
        text.parse().map_err(|error| Fault::field(field, error))
    }
    let spec = message.spec.ok_or_else(|| Fault::field("spec", "is missing"))?;
    if !spec.gpu_base_reference.is_empty() {
        return Err(Fault::field("spec.gpu_base_reference", "cannot be built by this builder yet"));
    }
    let request_time = message
        .request_time
        .and_then(|time| chrono::DateTime::try_from(time).ok())
        .map(micros)
        .unwrap_or_default();
    Ok(Request {
        id: id(&message.build_id, "build_id")?,
        image: id(&message.image_id, "image_id")?,
        image_name: message.image_name,
        revision: message.revision,
        requester: id(&message.requester, "requester")?,
        spec: Spec {
            base_reference: spec.base_reference,
            apt: spec.apt,
            conda: spec.conda,
            pip: spec.pip,
        },
        repository: message.repository,
        request_time,
        access_revision: message.access_revision,
    })
}

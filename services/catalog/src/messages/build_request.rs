//! The request of a build, as command and as response.

use chrono::{DateTime, Utc};
use slipway_wire::builder::v1::BuildRequested;

use crate::{domain::build_request::BuildRequest, messages::spec};

/// The type of the command.
pub(crate) const EVENT_TYPE: &str = "catalog.build.requested";

pub(crate) fn to_wire(request: &BuildRequest) -> BuildRequested {
    BuildRequested {
        build_id: request.build.to_string(),
        image_id: request.image.to_string(),
        image_name: request.image_name.clone(),
        revision: request.revision.get(),
        requester: request.requester.to_string(),
        spec: Some(spec::to_wire(&request.spec)),
        repository: request.repository.clone(),
        request_time: Some(DateTime::<Utc>::from(request.request_time).into()),
        access_version: request.access_version.get(),
    }
}

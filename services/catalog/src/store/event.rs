//! Messages of the catalog, appended in the transaction of their change.

use sea_orm::DatabaseTransaction;
use serde::Serialize;
use slipway_database::StoreError;
use slipway_names::unit::Micros;
use slipway_outbox::{NewMessage, append};

use crate::{
    domain::{
        build_request::BuildRequest,
        image::{Image, ImageEvent},
        revision::{Revision, RevisionEvent},
    },
    messages::{build_request, image as image_message, revision as revision_message},
};

/// The time of the event is the image's `update_time`.
pub(super) async fn append_image_event(
    transaction: &DatabaseTransaction,
    image: &Image,
    event: ImageEvent,
) -> Result<(), StoreError> {
    let event = NewMessage {
        event_type: image_message::event_type(event),
        subject: image.id.to_string(),
        time: image.update_time,
        data: to_data(image_message::to_event(image))?,
    };

    append(transaction, event).await?;
    Ok(())
}

/// Appends the event of the revision's state and, where the revision became the active one, another
/// event. Their subject is the image, and their time is its `update_time`.
pub(super) async fn append_revision_events(
    transaction: &DatabaseTransaction,
    image: &Image,
    revision: &Revision,
    is_activated: bool,
) -> Result<(), StoreError> {
    let activated = is_activated.then_some(RevisionEvent::Activated);

    for event in [Some(RevisionEvent::from(revision.state)), activated].into_iter().flatten() {
        let event = NewMessage {
            event_type: revision_message::event_type(event),
            subject: image.id.to_string(),
            time: image.update_time,
            data: to_data(revision_message::to_event(image, revision))?,
        };
        append(transaction, event).await?;
    }
    Ok(())
}

/// Appends the command `catalog.build.requested`. Its subject is the build.
pub(super) async fn append_build_request(
    transaction: &DatabaseTransaction,
    request: &BuildRequest,
    now: Micros,
) -> Result<(), StoreError> {
    let command = NewMessage {
        event_type: build_request::EVENT_TYPE.to_owned(),
        subject: request.build.to_string(),
        time: now,
        data: to_data(build_request::to_wire(request))?,
    };

    append(transaction, command).await?;
    Ok(())
}

fn to_data(message: impl Serialize) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(message).map_err(StoreError::defect)
}

//! Images, and their events `catalog.image.*`.

use chrono::{DateTime, Utc};
use slipway_names::revision::RevisionNumber;
use slipway_wire::{catalog::v1 as wire, event::v1::ImageChanged};

use crate::{
    domain::{
        image::{Image, ImageEvent, ImageSource, ImageState},
        revision::Revision,
    },
    messages::{access, build, image_type},
};

/// The type of the event.
pub(crate) fn event_type(event: ImageEvent) -> String {
    format!("catalog.image.{event}")
}

pub(crate) fn to_event(image: &Image) -> ImageChanged {
    ImageChanged {
        image_id: image.id.to_string(),
        image_name: image.qualified_name(),
        display_name: image.display_name.clone(),
        r#type: image_type::to_wire(image.image_type).into(),
    }
}

/// `latest` is the newest revision of the image.
pub(crate) fn to_wire(image: &Image, latest: &Revision) -> wire::Image {
    let source = match image.source {
        ImageSource::Existing => wire::ImageSource::Existing,
        ImageSource::Custom => wire::ImageSource::Custom,
    };

    wire::Image {
        id: image.id.to_string(),
        name: image.qualified_name(),
        display_name: image.display_name.clone(),
        description: image.description.clone(),
        r#type: image_type::to_wire(image.image_type).into(),
        source: source.into(),
        owner: image.owner_name.clone(),
        state: state_to_wire(image.state).into(),
        access: Some(access::to_wire(&image.access)),
        active_revision: image.active_revision.map_or(0, RevisionNumber::get),
        latest_revision: image.latest_revision.get(),
        latest_build: latest_build(latest),
        etag: image.version.to_string(),
        create_time: Some(DateTime::<Utc>::from(image.create_time).into()),
        update_time: Some(DateTime::<Utc>::from(image.update_time).into()),
        creator: image.creator.to_string(),
    }
}

fn state_to_wire(state: ImageState) -> wire::ImageState {
    match state {
        ImageState::Creating => wire::ImageState::Creating,
        ImageState::Building => wire::ImageState::Building,
        ImageState::Ready => wire::ImageState::Ready,
        ImageState::Failed => wire::ImageState::Failed,
        ImageState::Cancelled => wire::ImageState::Cancelled,
    }
}

/// `None` for a revision without a build.
fn latest_build(revision: &Revision) -> Option<wire::LatestBuild> {
    let build = revision.build.as_ref()?;
    let progress = &build.progress;

    Some(wire::LatestBuild {
        build_id: build.id.to_string(),
        state: build::state_to_wire(progress.state).into(),
        step: build::step_to_wire(progress.step.as_ref()),
        revision: revision.number.get(),
        failure: progress.failure.as_ref().map(build::failure_to_wire),
    })
}

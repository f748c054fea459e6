//! An image as people read it.

use serde::Serialize;
use slipway_wire::catalog::v1::{Image, ImageAccess, ImageSource, ImageState, LatestBuild};

use crate::{
    failure::Failure,
    output::{
        Output,
        labels::{enum_label, failure_summary},
    },
};

pub(super) fn type_label(image: &Image) -> String {
    enum_label(image.r#type().as_str_name(), "IMAGE_TYPE_")
}

/// The state of the image, followed by the latest build's when a newer revision than the active
/// one is being built or has failed.
pub(super) fn state_label(image: &Image) -> String {
    let state = enum_label(image.state().as_str_name(), "IMAGE_STATE_");
    let newer = image.latest_build.as_ref().filter(|latest| {
        image.state() == ImageState::Ready && latest.revision != image.active_revision
    });

    match newer {
        Some(latest) => {
            format!("{state} (revision {} {})", latest.revision, build_state_label(latest))
        }
        None => state,
    }
}

fn build_state_label(latest: &LatestBuild) -> String {
    enum_label(latest.state().as_str_name(), "BUILD_STATE_")
}

fn source_label(image: &Image) -> String {
    let source = ImageSource::try_from(image.source).unwrap_or_default();
    enum_label(source.as_str_name(), "IMAGE_SOURCE_")
}

fn access_label(access: &ImageAccess) -> String {
    let mut who = [access.groups.clone(), access.users.clone()].concat();
    if access.global {
        who.push("everyone".to_owned());
    }

    who.join(", ")
}

pub(super) fn show<T: Serialize>(
    message: &T,
    image: &Image,
    reference: &str,
    output: &Output,
) -> Result<(), Failure> {
    let access = image.access.clone().unwrap_or_default();
    let latest = image.latest_build.clone().unwrap_or_default();
    let revision =
        if image.active_revision > 0 { image.active_revision.to_string() } else { String::new() };
    let build_state =
        if latest.build_id.is_empty() { String::new() } else { build_state_label(&latest) };

    let fields = [
        ("name", image.name.clone()),
        ("id", image.id.clone()),
        ("display name", image.display_name.clone()),
        ("type", type_label(image)),
        ("source", source_label(image)),
        ("state", state_label(image)),
        ("access", access_label(&access)),
        ("revision", revision),
        ("reference", reference.to_owned()),
        ("build", latest.build_id.clone()),
        ("build state", build_state),
        ("build step", latest.step.clone()),
        ("failure", failure_summary(latest.failure.as_ref())),
    ];

    output.write_message(message, &fields)
}

//! Filters and orders of lists of images.

use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::catalog::v1 as wire;

use crate::{
    domain::{
        image::ImageState,
        image_type::ImageType,
        list::{ImageFilter, ImageOrder},
    },
    messages::image_type,
};

const FILTER_TEXT_MAX_LENGTH: usize = 200;

pub(crate) fn filter_from_wire(request: &wire::ListImagesRequest) -> Result<ImageFilter, Fault> {
    if request.text.chars().count() > FILTER_TEXT_MAX_LENGTH {
        return Err(Fault::field("text", "has more than 200 characters"));
    }
    if request.text.contains('\0') {
        return Err(Fault::field("text", "has a NUL"));
    }
    if request.owner.contains('\0') {
        return Err(Fault::field("owner", "has a NUL"));
    }

    Ok(ImageFilter {
        image_type: type_from_wire(request.r#type)?,
        owner: request.owner.clone(),
        state: state_from_wire(request.state)?,
        text: request.text.clone(),
    })
}

/// `None` for UNSPECIFIED.
fn type_from_wire(value: i32) -> Result<Option<ImageType>, Fault> {
    if value == wire::ImageType::Unspecified as i32 {
        return Ok(None);
    }
    image_type::from_wire(value).map(Some)
}

/// `None` for UNSPECIFIED. CREATING is internal and cannot be used as a filter.
fn state_from_wire(value: i32) -> Result<Option<ImageState>, Fault> {
    let state = match wire::ImageState::try_from(value) {
        Ok(wire::ImageState::Unspecified) => return Ok(None),
        Ok(wire::ImageState::Building) => Some(ImageState::Building),
        Ok(wire::ImageState::Ready) => Some(ImageState::Ready),
        Ok(wire::ImageState::Failed) => Some(ImageState::Failed),
        Ok(wire::ImageState::Cancelled) => Some(ImageState::Cancelled),
        Ok(wire::ImageState::Creating) | Err(_) => None,
    };

    let accepted = [
        "IMAGE_STATE_BUILDING",
        "IMAGE_STATE_READY",
        "IMAGE_STATE_FAILED",
        "IMAGE_STATE_CANCELLED",
    ];
    Field("state").require_word(state, &accepted).map(Some)
}

pub(crate) fn order_from_wire(order_by: &str) -> Result<ImageOrder, Fault> {
    ImageOrder::parse(order_by).ok_or_else(|| {
        let fields = "name, display_name, create_time or update_time";
        Fault::field(
            "order_by",
            format!("must be {fields}, optionally followed by ` asc` or ` desc`"),
        )
    })
}

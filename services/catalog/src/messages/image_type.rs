//! Types of images.

use slipway_fault::Fault;
use slipway_request::field::Field;
use slipway_wire::catalog::v1 as wire;

use crate::domain::image_type::ImageType;

/// # Errors
/// `FIELD_INVALID`, also for UNSPECIFIED.
pub(crate) fn from_wire(value: i32) -> Result<ImageType, Fault> {
    let image_type = match wire::ImageType::try_from(value) {
        Ok(wire::ImageType::Cpu) => Some(ImageType::Cpu),
        Ok(wire::ImageType::Gpu) => Some(ImageType::Gpu),
        Ok(wire::ImageType::Universal) => Some(ImageType::Universal),
        Ok(wire::ImageType::Unspecified) | Err(_) => None,
    };

    Field("type")
        .require_word(image_type, &["IMAGE_TYPE_CPU", "IMAGE_TYPE_GPU", "IMAGE_TYPE_UNIVERSAL"])
}

pub(crate) fn to_wire(image_type: ImageType) -> wire::ImageType {
    match image_type {
        ImageType::Cpu => wire::ImageType::Cpu,
        ImageType::Gpu => wire::ImageType::Gpu,
        ImageType::Universal => wire::ImageType::Universal,
    }
}

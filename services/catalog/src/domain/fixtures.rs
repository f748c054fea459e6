//! Values for unit tests.

use slipway_names::{
    id::{ImageId, UserId},
    revision::RevisionNumber,
    unit::Micros,
};

use crate::domain::{
    access::Access,
    image::{Image, ImageSource, ImageState, NewImage},
    image_type::ImageType,
};

/// The image `system/torch` with this state, active revision (0 for none) and latest revision.
pub(crate) fn image(state: ImageState, active: i32, latest: i32) -> Image {
    let new = NewImage {
        id: ImageId::new(),
        owner: None,
        owner_name: "system".to_owned(),
        name: "torch".to_owned(),
        display_name: "torch".to_owned(),
        description: String::new(),
        image_type: ImageType::Cpu,
        source: ImageSource::Custom,
        access: Access::default(),
        creator: UserId::derive("test", "alice"),
    };

    Image {
        state,
        active_revision: RevisionNumber::try_from(active).ok(),
        latest_revision: RevisionNumber::try_from(latest).unwrap(),
        ..new.reserved_at(Micros(1))
    }
}

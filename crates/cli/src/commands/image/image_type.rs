//! The type of an image as a flag.

use clap::ValueEnum;
use slipway_wire::catalog::v1::ImageType;

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ImageTypeFlag {
    Cpu,
    Gpu,
    Universal,
}

impl ImageTypeFlag {
    pub(super) fn to_wire(self) -> ImageType {
        match self {
            Self::Cpu => ImageType::Cpu,
            Self::Gpu => ImageType::Gpu,
            Self::Universal => ImageType::Universal,
        }
    }
}

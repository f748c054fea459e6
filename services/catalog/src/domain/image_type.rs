//! What an image runs on.

use strum::{Display, EnumString};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = unknown_image_type)]
pub enum ImageType {
    /// CPU nodes; GPU nodes with a note.
    Cpu,
    /// GPU nodes.
    Gpu,
    /// Both, possibly with one reference for each.
    Universal,
}

fn unknown_image_type(text: &str) -> String {
    format!("`{text}` is not an image type")
}

//! Objects: the things that a grant applies to.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::word::UnknownWord;

/// The kind of object that a grant applies to.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(
    serialize_all = "snake_case",
    parse_err_ty = UnknownWord,
    parse_err_fn = UnknownWord::new
)]
pub enum ObjectKind {
    /// Slipway itself: a grant on the platform applies to every object.
    Platform,
    /// A group.
    Group,
    /// An image of the catalog.
    Image,
}

impl ObjectKind {
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// The form in databases, in messages to users and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

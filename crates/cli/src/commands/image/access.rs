//! Flags for who may use an image.

use clap::Args;
use slipway_wire::catalog::v1::ImageAccess;

#[derive(Args)]
pub(crate) struct AccessFlags {
    /// Let every signed-in user use the image.
    #[arg(long)]
    global: bool,
    /// Let the members of this group use the image (name or id); can be repeated.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Let this user use the image (user id); can be repeated.
    #[arg(long = "user", value_name = "USER_ID")]
    users: Vec<String>,
}

impl AccessFlags {
    pub(super) fn into_wire(self) -> ImageAccess {
        ImageAccess { global: self.global, groups: self.groups, users: self.users }
    }
}

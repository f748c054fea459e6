//! Who may use an image, as flags.

use clap::Args;
use slipway_wire::catalog::v1::ImageAccess;

#[derive(Args)]
pub(crate) struct Access {
    /// Every signed-in user may use it.
    #[arg(long)]
    global: bool,
    /// A group that may use it; may be given again.
    #[arg(long = "group")]
    groups: Vec<String>,
    /// A user id that may use it; may be given again.
    #[arg(long = "user")]
    users: Vec<String>,
}

impl Access {
    pub(crate) fn into_wire(self) -> ImageAccess {
        ImageAccess { global: self.global, groups: self.groups, users: self.users }
    }
}

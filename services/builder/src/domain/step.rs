//! The steps of an attempt.

use strum::{Display, EnumString};

/// A step of an attempt. An attempt takes them in this order. Its word is the form in databases, on
/// the wire and in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Step {
    /// Finds and inspects the base.
    Resolve,
    /// Fetches the layers of the base. Its output belongs to the log of `resolve`.
    Pull,
    /// Installs Debian packages.
    Apt,
    /// Installs Python packages.
    Pip,
    /// Writes the layers and the config of the image.
    Commit,
    /// Copies the image to its registry.
    Push,
}

impl Step {
    /// The steps that install packages. Each has a layer and a context folder of its own.
    pub const INSTALLS: [Self; 2] = [Self::Apt, Self::Pip];
}

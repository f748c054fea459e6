//! What a site allows in package lines.

/// What package lines may contain, by configuration of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRules {
    /// Channels that conda lines may name.
    pub conda_channels: Vec<String>,
    /// Allows `name @ https://…#sha256=…`.
    pub pip_urls: bool,
}

impl Default for PackageRules {
    fn default() -> Self {
        let channels =
            ["conda-forge", "defaults", "main", "nvidia", "pytorch", "fastai", "bioconda"];

        Self { conda_channels: channels.map(str::to_owned).to_vec(), pip_urls: true }
    }
}

//! Configuration of the executor.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::limits::{Limits, Resource};
use crate::domain::step::Step;

/// The DNS server that slirp4netns provides.
const SLIRP_DNS_SERVER: &str = "10.0.2.3";

const HOST_CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The folder of the Debian package python3-pip-whl.
const DEBIAN_WHEELS: &str = "/usr/share/python-wheels";

/// The network of steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// A network of their own, through slirp4netns, without private and other special-purpose
    /// ranges and without the addresses of the host.
    #[default]
    Private,
    /// No network.
    None,
    /// The host's network: steps reach its loopback and its networks.
    Host,
}

impl NetworkMode {
    /// The DNS server of a network of its own; `None` keeps the host's.
    pub(super) fn dns_server(self) -> Option<&'static str> {
        (self == Self::Private).then_some(SLIRP_DNS_SERVER)
    }
}

/// Where packages come from. Nothing of it stays in an image.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackageSources {
    /// Lines of sources.list that replace the base's; empty keeps the base's.
    pub apt_sources: String,
    /// URL of the PyPI index. It may contain user and password.
    pub pip_index_url: String,
    /// Proxy for http and https.
    pub proxy: String,
    /// Hosts that are reached without the proxy.
    pub no_proxy: String,
    /// PEM bundle of the certificate authorities of mirrors and indexes; this host's when not set.
    pub ca_bundle: Option<PathBuf>,
    /// A pip wheel for bases without pip; Debian's when not set.
    pub pip_wheel: Option<PathBuf>,
}

impl PackageSources {
    /// The files beside the script of a step: names and texts.
    pub(super) fn files(&self, step: Step) -> Vec<(&'static str, String)> {
        let mut files = vec![("environment", self.environment(step))];

        if step == Step::Apt && !self.apt_sources.is_empty() {
            files.push(("sources.list", format!("{}\n", self.apt_sources)));
        }
        files
    }

    /// The step's environment variables as shell assignments.
    fn environment(&self, step: Step) -> String {
        let mut variables = vec![
            ("http_proxy", &self.proxy),
            ("https_proxy", &self.proxy),
            ("HTTP_PROXY", &self.proxy),
            ("HTTPS_PROXY", &self.proxy),
            ("no_proxy", &self.no_proxy),
        ];
        if step == Step::Pip {
            variables.push(("PIP_INDEX_URL", &self.pip_index_url));
        }

        variables
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}\n", shell_quote(value)))
            .collect()
    }

    /// The configured bundle, or the host's. Many small bases have no certificate authorities,
    /// and pip needs some.
    pub(super) fn ca_bundle(&self) -> Option<PathBuf> {
        let host_bundle = Path::new(HOST_CA_BUNDLE);
        self.ca_bundle.clone().or_else(|| host_bundle.exists().then(|| host_bundle.to_owned()))
    }

    pub(super) fn pip_wheel(&self) -> Option<PathBuf> {
        self.pip_wheel.clone().or_else(|| find_pip_wheel(Path::new(DEBIAN_WHEELS)))
    }
}

fn shell_quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

fn find_pip_wheel(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;

    entries.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pip-"))
    })
}

/// The settings of the executor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The directory of bases and attempts, on a filesystem that supports overlay mounts.
    pub data_dir: PathBuf,
    /// The network of steps.
    #[serde(default)]
    pub network: NetworkMode,
    /// CIDR ranges that steps may reach although the network is private, such as those of mirrors.
    #[serde(default)]
    pub allowed_networks: Vec<String>,
    /// The limits of one attempt.
    #[serde(default)]
    pub limits: Limits,
    /// Limits that need not be enforced when this host cannot enforce them.
    #[serde(default)]
    pub accept_unenforced: Vec<Resource>,
    /// `host:port` of registries without TLS; copied from `registries.insecure`, not a key.
    #[serde(skip)]
    pub insecure_registries: Vec<String>,
    /// Mirrors, indexes, proxy and CA bundle.
    #[serde(default)]
    pub packages: PackageSources,
}

impl Settings {
    /// The defaults of every other key.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            network: NetworkMode::default(),
            allowed_networks: Vec::new(),
            limits: Limits::default(),
            accept_unenforced: Vec::new(),
            insecure_registries: Vec::new(),
            packages: PackageSources::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_values_are_escaped() {
        let sources = PackageSources {
            pip_index_url: "https://u:p'$(id)@h/".to_owned(),
            ..PackageSources::default()
        };

        assert_eq!(sources.files(Step::Pip)[0].1, "PIP_INDEX_URL='https://u:p'\\''$(id)@h/'\n");
        assert_eq!(sources.files(Step::Apt)[0].1, "");
    }
}

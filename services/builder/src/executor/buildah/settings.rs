//! Configuration of the executor.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::limits::{Limits, Resource};

/// What network steps have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// One of their own, through slirp4netns, without loopback, private and link-local ranges.
    #[default]
    Private,
    /// None at all.
    None,
    /// The host's: steps reach its loopback and its networks. Accepted by being named.
    Host,
}

/// Where packages come from; nothing of it stays in an image.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackageSources {
    /// Lines of sources.list that replace the base's; empty keeps the base's.
    pub apt_sources: String,
    /// PyPI index; may carry user and password.
    pub pip_index_url: String,
    /// Proxy for http and https.
    pub proxy: String,
    /// Hosts to reach without the proxy.
    pub no_proxy: String,
    /// PEM bundle of the authorities that sign mirrors and indexes; this host's own when not set.
    pub ca_bundle: Option<PathBuf>,
    /// A pip wheel for bases without pip; found at Debian's place when not set.
    pub pip_wheel: Option<PathBuf>,
}

impl PackageSources {
    /// Files beside a step's script, as name and text.
    pub(super) fn files(&self, step: &str) -> Vec<(&'static str, String)> {
        let mut environment = String::new();
        let mut set = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(environment, "{name}='{}'", value.replace('\'', "'\\''"));
            }
        };
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            set(name, &self.proxy);
        }
        set("no_proxy", &self.no_proxy);
        if step == "pip" {
            set("PIP_INDEX_URL", &self.pip_index_url);
        }
        let mut files = vec![("environment", environment)];
        if step == "apt" && !self.apt_sources.is_empty() {
            files.push(("sources.list", format!("{}\n", self.apt_sources)));
        }
        files
    }

    /// Many small bases have no authorities at all, and pip needs some.
    pub(super) fn ca_bundle(&self) -> Option<PathBuf> {
        let own = Path::new("/etc/ssl/certs/ca-certificates.crt");
        self.ca_bundle.clone().or_else(|| own.exists().then(|| own.to_owned()))
    }

    pub(super) fn pip_wheel(&self) -> Option<PathBuf> {
        self.pip_wheel.clone().or_else(|| debian_pip_wheel(Path::new("/usr/share/python-wheels")))
    }
}

/// Of the Debian package python3-pip-whl.
fn debian_pip_wheel(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pip-"))
    })
}

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Bases and attempts lie here; on a filesystem that takes overlay mounts.
    pub data_dir: PathBuf,
    /// What network steps have.
    #[serde(default)]
    pub network: NetworkMode,
    /// CIDR ranges that steps may reach although they are private: configured mirrors.
    #[serde(default)]
    pub allowed_networks: Vec<String>,
    /// What one attempt may use.
    #[serde(default)]
    pub limits: Limits,
    /// Limits that this host cannot enforce and that are accepted without.
    #[serde(default)]
    pub accept_unenforced: Vec<Resource>,
    /// `host:port` of registries without TLS; filled from `registries.insecure`.
    #[serde(default, skip_deserializing)]
    pub insecure_registries: Vec<String>,
    /// Mirrors, indexes, proxy and CA bundle.
    #[serde(default)]
    pub packages: PackageSources,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_quotes() {
        let sources = PackageSources {
            pip_index_url: "https://u:p'$(id)@h/".to_owned(),
            ..PackageSources::default()
        };
        assert_eq!(sources.files("pip")[0].1, "PIP_INDEX_URL='https://u:p'\\''$(id)@h/'\n");
        assert_eq!(sources.files("apt")[0].1, "");
    }
}

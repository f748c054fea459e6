//! The profile file: what flags and environment leave open.

use std::{env, fs, io, path::PathBuf};

use serde::Deserialize;

use crate::failure::Failure;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Profile {
    pub(crate) permission: Option<String>,
    pub(crate) catalog: Option<String>,
    pub(crate) builder: Option<String>,
    pub(crate) token: Option<String>,
}

impl Profile {
    /// Nothing, where there is no file.
    pub(crate) fn read() -> Result<Self, Failure> {
        let folder = env::var("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|_| env::var("HOME").map(|home| PathBuf::from(home).join(".config")));
        let Ok(folder) = folder else { return Ok(Self::default()) };
        let path = folder.join("slipway/profile.yaml");
        match fs::read_to_string(&path) {
            Ok(text) => serde_yaml_ng::from_str(&text)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
        }
    }
}

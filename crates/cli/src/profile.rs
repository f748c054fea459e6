//! The profile file: defaults for flags and environment variables that are not given.

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
    /// Reads the profile file; an absent file is an empty profile.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(folder) = config_folder() else { return Ok(Self::default()) };
        let path = folder.join("slipway/profile.yaml");

        match fs::read_to_string(&path) {
            Ok(text) => serde_yaml_ng::from_str(&text).map_err(|error| {
                Failure::usage(format!("The profile file {} is invalid: {error}.", path.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::usage(format!(
                "The profile file {} cannot be read: {error}.",
                path.display()
            ))),
        }
    }
}

fn config_folder() -> Option<PathBuf> {
    if let Ok(folder) = env::var("XDG_CONFIG_HOME") {
        return Some(PathBuf::from(folder));
    }

    env::var("HOME").ok().map(|home| PathBuf::from(home).join(".config"))
}

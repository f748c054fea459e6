//! Reads requests from YAML or JSON files with the proto3 JSON names.

use std::{fs, path::Path};

use serde::de::DeserializeOwned;

use crate::failure::Failure;

pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("The request file {} cannot be read: {error}.", file.display()))
    })?;

    let value: serde_json::Value =
        serde_yaml_ng::from_str(&text).map_err(|error| invalid_file(file, error))?;
    serde_json::from_value(value).map_err(|error| invalid_file(file, error))
}

fn invalid_file(file: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("The request file {} is invalid: {error}.", file.display()))
}

//! Text for programs: JSON and YAML with the proto3 JSON names.

use serde::Serialize;

use crate::failure::Failure;

/// A message as JSON on one line.
pub(crate) fn json_line<T: Serialize>(message: &T) -> Result<String, Failure> {
    serde_json::to_string(message).map_err(encoding_failure)
}

/// A message as indented JSON, with a line feed at its end.
pub(super) fn json<T: Serialize>(message: &T) -> Result<String, Failure> {
    let value = serde_json::to_value(message).map_err(encoding_failure)?;
    Ok(format!("{value:#}\n"))
}

/// A message as YAML, with a line feed at its end.
pub(super) fn yaml<T: Serialize>(message: &T) -> Result<String, Failure> {
    // By way of JSON, so that both formats have the same names and words.
    let value = serde_json::to_value(message).map_err(encoding_failure)?;
    serde_yaml_ng::to_string(&value).map_err(encoding_failure)
}

fn encoding_failure(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("The result cannot be written as a document: {error}."))
}

//! Layered configuration: defaults, then a TOML file, then `SLIPWAY_<SERVICE>__A__B`. An unknown key is refused by name.

use std::path::Path;

use config::{Config, ConfigError, Environment, File, FileFormat};
use serde::{Serialize, de::DeserializeOwned};

/// Loads a service's configuration.
///
/// `…__URL_FILE` names a file that holds the value of `…__URL`, for mounted secrets.
///
/// # Errors
/// When the file is missing or malformed, or a key is unknown, missing or of the wrong type; the message names it.
pub fn load<T: DeserializeOwned>(service: &str, file: Option<&Path>) -> Result<T, ConfigError> {
    let prefix = format!("SLIPWAY_{}", service.to_uppercase());
    let mut builder = Config::builder();
    if let Some(file) = file {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    let mut variables: config::Map<String, String> = std::env::vars().filter(|(name, _)| name.starts_with(&format!("{prefix}__"))).collect();
    let secrets: Vec<String> = variables.keys().filter(|name| name.ends_with("__URL_FILE")).cloned().collect();
    for name in secrets {
        let path = variables.remove(&name).unwrap_or_default();
        let value = std::fs::read_to_string(&path).map_err(|error| ConfigError::Message(format!("{name}: cannot read `{path}`: {error}")))?;
        variables.insert(name.trim_end_matches("_FILE").to_owned(), value.trim().to_owned());
    }
    let environment = Environment::with_prefix(&prefix).prefix_separator("__").separator("__").source(Some(variables));
    builder.add_source(environment).build()?.try_deserialize()
}

/// The configuration in force as TOML, with the passwords of URLs taken out.
///
/// # Errors
/// When the configuration cannot be written as TOML.
pub fn redacted<T: Serialize>(config: &T) -> Result<String, toml::ser::Error> {
    let text = toml::to_string_pretty(config)?;
    Ok(text.lines().map(redact_line).collect::<Vec<_>>().join("\n"))
}

fn redact_line(line: &str) -> String {
    let Some((before, rest)) = line.split_once("://") else { return line.to_owned() };
    match rest.split_once('@') {
        Some((user_info, after)) => match user_info.split_once(':') {
            Some((user, _)) => format!("{before}://{user}:***@{after}"),
            None => line.to_owned(),
        },
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn passwords_of_urls_are_not_shown() {
        assert_eq!(super::redact_line("url = \"postgres://me:secret@db/x\""), "url = \"postgres://me:***@db/x\"");
        assert_eq!(super::redact_line("url = \"sqlite:///a@b\""), "url = \"sqlite:///a@b\"");
    }
}

//! Layered configuration: defaults, then a TOML file, then `SLIPWAY_<SERVICE>__A__B`.
//!
//! An unknown key is an error that names the key.

use std::path::Path;

use config::{Config, ConfigError, Environment, File, FileFormat, Map};
use serde::de::DeserializeOwned;

use crate::Listen;

/// Loads a service's configuration. `listen` has the default addresses.
///
/// `…__URL_FILE` names a file that holds the value of `…__URL`, for mounted secrets.
///
/// # Errors
/// When the file is missing or malformed, or a key is unknown, missing or of the wrong type. The
/// message names the file or the key.
pub fn load<T: DeserializeOwned>(
    service: &str,
    file: Option<&Path>,
    listen: &Listen,
) -> Result<T, ConfigError> {
    load_layers(service, file, listen, std::env::vars())
}

fn load_layers<T: DeserializeOwned>(
    service: &str,
    file: Option<&Path>,
    listen: &Listen,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let mut builder = Config::builder()
        .set_default("listen.grpc", listen.grpc.to_string())?
        .set_default("listen.http", listen.http.to_string())?;

    if let Some(file) = file {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }

    let prefix = format!("SLIPWAY_{}", service.to_uppercase());
    let mut variables: Map<String, String> =
        variables.filter(|(name, _)| name.starts_with(&format!("{prefix}__"))).collect();
    read_url_files(&mut variables)?;
    let environment = Environment::with_prefix(&prefix)
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables));

    builder.add_source(environment).build()?.try_deserialize()
}

/// Replaces each `…__URL_FILE` by `…__URL` with the content of the file.
fn read_url_files(variables: &mut Map<String, String>) -> Result<(), ConfigError> {
    let names: Vec<String> =
        variables.keys().filter(|name| name.ends_with("__URL_FILE")).cloned().collect();

    for name in names {
        let path = variables.remove(&name).unwrap_or_default();
        let value = std::fs::read_to_string(&path).map_err(|error| {
            ConfigError::Message(format!("{name}: cannot read `{path}`: {error}"))
        })?;
        variables.insert(name.trim_end_matches("_FILE").to_owned(), value.trim().to_owned());
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;
    use tempfile::TempDir;

    use super::*;
    use crate::Limits;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        listen: Listen,
        #[serde(default)]
        limits: Limits,
        url: Option<String>,
    }

    /// What the example configuration contains: the gRPC address, the HTTP address, the maximum of
    /// calls, and the URL.
    type Loaded = (String, String, usize, Option<String>);

    /// Loads the example configuration from the text of a file and one environment variable.
    /// `SECRET` in the variable's value is replaced by the path of a file with a URL.
    fn load_example(file: &str, (name, value): (&str, &str)) -> Result<Loaded, String> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("example.toml");
        fs::write(&path, file).unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "postgres://from/a-file\n").unwrap();

        let variable = (name.to_owned(), value.replace("SECRET", &secret.display().to_string()));
        let listen =
            Listen { grpc: "127.0.0.1:1".parse().unwrap(), http: "127.0.0.1:2".parse().unwrap() };
        let example: Example =
            load_layers("example", Some(&path), &listen, std::iter::once(variable))
                .map_err(|error| error.to_string())?;

        Ok((
            example.listen.grpc.to_string(),
            example.listen.http.to_string(),
            example.limits.calls,
            example.url,
        ))
    }

    #[test]
    fn environment_overrides_file_and_file_overrides_defaults() {
        let calls = Limits::default().calls;
        let cases = [
            ("", ("", ""), ("127.0.0.1:1", "127.0.0.1:2", calls, None)),
            ("listen.grpc = '127.0.0.1:7'", ("", ""), ("127.0.0.1:7", "127.0.0.1:2", calls, None)),
            ("listen.http = '127.0.0.1:7'", ("", ""), ("127.0.0.1:1", "127.0.0.1:7", calls, None)),
            (
                "",
                ("SLIPWAY_EXAMPLE__LISTEN__HTTP", "127.0.0.1:8"),
                ("127.0.0.1:1", "127.0.0.1:8", calls, None),
            ),
            ("[limits]\ncalls = 7", ("", ""), ("127.0.0.1:1", "127.0.0.1:2", 7, None)),
            (
                "[limits]\ncalls = 7",
                ("SLIPWAY_EXAMPLE__LIMITS__CALLS", "8"),
                ("127.0.0.1:1", "127.0.0.1:2", 8, None),
            ),
            (
                "url = 'a'",
                ("SLIPWAY_EXAMPLE__URL", "007"),
                ("127.0.0.1:1", "127.0.0.1:2", calls, Some("007")),
            ),
            (
                "url = 'a'",
                ("SLIPWAY_EXAMPLE__URL_FILE", "SECRET"),
                ("127.0.0.1:1", "127.0.0.1:2", calls, Some("postgres://from/a-file")),
            ),
            (
                "url = 'a'",
                ("SLIPWAY_OTHER__URL", "b"),
                ("127.0.0.1:1", "127.0.0.1:2", calls, Some("a")),
            ),
        ];

        for (file, variable, (grpc, http, calls, url)) in cases {
            let want = (grpc.to_owned(), http.to_owned(), calls, url.map(str::to_owned));
            assert_eq!(load_example(file, variable), Ok(want), "{file} {variable:?}");
        }
    }

    #[test]
    fn error_names_the_wrong_key() {
        let cases = [
            ("nonsense = 'a'", ("", ""), "nonsense"),
            ("[limits]\nnonsense = 7", ("", ""), "nonsense"),
            ("", ("SLIPWAY_EXAMPLE__LIMITS__NONSENSE", "7"), "nonsense"),
            ("", ("SLIPWAY_EXAMPLE__LIMITS__CALLS", "many"), "calls"),
            ("", ("SLIPWAY_EXAMPLE__URL_FILE", "/nowhere"), "SLIPWAY_EXAMPLE__URL_FILE"),
        ];

        for (file, variable, named) in cases {
            let error = load_example(file, variable).unwrap_err();
            assert!(error.contains(named), "{file} {variable:?}: {error}");
        }
    }
}

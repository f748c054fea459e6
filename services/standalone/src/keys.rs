//! The key folder of the data directory: a private key for each service and for the development
//! issuer, and their public keys as JWKS files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::json;
use slipway_identity::{DEVELOPMENT_ISSUER, DevelopmentIssuer, Issuer, Settings, SigningKey};

const SERVICES: [&str; 3] = ["permission", "catalog", "builder"];

pub(crate) struct Keys(PathBuf);

impl Keys {
    pub(crate) fn of_data_dir(data_dir: &Path) -> Self {
        Self(data_dir.join("keys"))
    }

    /// Creates the missing keys; existing keys stay.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.0)?;

        let mut service_keys = Vec::new();
        for service in SERVICES {
            let key = SigningKey::read_or_create(&self.private_key_file(service), service)?;
            service_keys.push(key.jwk());
        }
        self.write_jwks("services.json", &service_keys)?;

        let file = self.private_key_file("development");
        let development = SigningKey::read_or_create(&file, "development")?;
        self.write_jwks("development.json", &[development.jwk()])
    }

    pub(crate) fn development(&self) -> anyhow::Result<DevelopmentIssuer> {
        let file = self.private_key_file("development");
        let key = SigningKey::read(&file, "development").context(
            "The key of the development issuer cannot be read. \
             Run `slipway-standalone keys` with the same --data-dir first",
        )?;
        Ok(DevelopmentIssuer::new(key))
    }

    /// The issuers that a service trusts, and its own key.
    pub(crate) fn identity(&self, service: &str) -> Settings {
        let development = Issuer {
            issuer: DEVELOPMENT_ISSUER.to_owned(),
            audience: slipway_identity::AUDIENCE.to_owned(),
            jwks_url: String::new(),
            jwks_file: self.0.join("development.json"),
        };

        Settings {
            issuers: vec![development],
            service_jwks_file: self.0.join("services.json"),
            service_key_file: self.private_key_file(service),
        }
    }

    fn private_key_file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    fn write_jwks(&self, name: &str, keys: &[serde_json::Value]) -> anyhow::Result<()> {
        Ok(fs::write(self.0.join(name), json!({ "keys": keys }).to_string())?)
    }
}

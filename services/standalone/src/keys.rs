//! Keys of the data directory: one for each service, one for the development issuer, and their public halves.

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
    pub(crate) fn in_folder(data_dir: &Path) -> Self {
        Self(data_dir.join("keys"))
    }

    /// Makes what is missing; a key that is there stays.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.0)?;
        let services = SERVICES.map(|service| {
            SigningKey::read_or_create(&self.private(service), service).map(|key| key.jwk())
        });
        let services = services.into_iter().collect::<Result<Vec<_>, _>>()?;
        let development = SigningKey::read_or_create(&self.private("development"), "development")?;
        self.write("services.json", &services)?;
        self.write("development.json", &[development.jwk()])
    }

    pub(crate) fn development(&self) -> anyhow::Result<DevelopmentIssuer> {
        let key = SigningKey::read(&self.private("development"), "development")
            .context("serve or keys makes it; is --data-dir the same?")?;
        Ok(DevelopmentIssuer::new(key))
    }

    /// Whom a service trusts, and its own key.
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
            service_key_file: self.private(service),
        }
    }

    fn private(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    fn write(&self, name: &str, keys: &[serde_json::Value]) -> anyhow::Result<()> {
        Ok(fs::write(self.0.join(name), json!({ "keys": keys }).to_string())?)
    }
}

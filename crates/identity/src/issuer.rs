//! An issuer and its public keys. Keys are read on a schedule, and also when a token names an
//! unknown key.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::jwks::{Key, Keys, parse};

/// The default `aud` of tokens for Slipway.
pub const AUDIENCE: &str = "slipway";
/// `iss` of the development issuer.
pub const DEVELOPMENT_ISSUER: &str = "slipway-development";
/// `iss` of service tokens.
pub(crate) const SERVICE_ISSUER: &str = "slipway-service";

const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest time between two fetches because of unknown key ids. Without this limit, a client
/// that invents key ids could flood the issuer with requests.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(10);
/// The longest time that a call waits for a fetch that it has caused.
const UNKNOWN_KEY_TIMEOUT: Duration = Duration::from_secs(3);

/// Configuration of an OIDC issuer of user tokens. Either `jwks_url` or `jwks_file` is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// `iss`, compared exactly.
    pub issuer: String,
    /// The `aud` that a token of this issuer must have.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// URL of the issuer's keys. They are fetched every 10 minutes, and when a token names an
    /// unknown key.
    #[serde(default)]
    pub jwks_url: String,
    /// File with the issuer's keys. It is read as often as `jwks_url`.
    #[serde(default)]
    pub jwks_file: PathBuf,
}

fn default_audience() -> String {
    AUDIENCE.to_owned()
}

/// An issuer with the keys of its last successful fetch.
pub(crate) struct TrustedIssuer {
    pub(crate) issuer: Issuer,
    keys: RwLock<Keys>,
    /// When an unknown key id last caused a fetch.
    last_unknown_key_fetch: Mutex<Option<Instant>>,
}

impl TrustedIssuer {
    /// Has no keys until the first [`TrustedIssuer::refresh`].
    pub(crate) fn new(issuer: Issuer) -> Self {
        Self { issuer, keys: RwLock::default(), last_unknown_key_fetch: Mutex::default() }
    }

    /// Reads all keys. The old keys stay in use when this fails.
    pub(crate) async fn refresh(&self, http: &reqwest::Client) -> Result<(), String> {
        let text = self.fetch(http).await.map_err(|error| self.refresh_error(error))?;
        let keys = parse(&text).map_err(|error| self.refresh_error(error))?;

        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn refresh_error(&self, error: impl fmt::Display) -> String {
        format!("keys of issuer `{}`: {error}", self.issuer.issuer)
    }

    /// The key with this id. Issuers rotate keys between two refreshes, so an unknown id causes a
    /// fetch.
    pub(crate) async fn key(&self, id: &str, http: &reqwest::Client) -> Option<Arc<Key>> {
        if let Some(key) = self.cached_key(id) {
            return Some(key);
        }

        let mut last_fetch = self.last_unknown_key_fetch.lock().await;

        // Another call may have fetched the keys while this one waited for the lock.
        if let Some(key) = self.cached_key(id) {
            return Some(key);
        }

        if last_fetch.is_some_and(|time| time.elapsed() < UNKNOWN_KEY_INTERVAL) {
            return None;
        }
        *last_fetch = Some(Instant::now());

        match timeout(UNKNOWN_KEY_TIMEOUT, self.refresh(http)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(
                    error,
                    "a token names an unknown key; could not read the keys again"
                );
            }
            Err(_) => tracing::warn!(
                token.issuer = self.issuer.issuer,
                "a token names an unknown key; reading the issuer's keys again took too long"
            ),
        }
        self.cached_key(id)
    }

    fn cached_key(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    async fn fetch(
        &self,
        http: &reqwest::Client,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        if self.issuer.jwks_url.is_empty() {
            return Ok(tokio::fs::read_to_string(&self.issuer.jwks_file).await?);
        }

        let response = http.get(&self.issuer.jwks_url).timeout(FETCH_TIMEOUT).send().await?;
        Ok(response.error_for_status()?.text().await?)
    }
}

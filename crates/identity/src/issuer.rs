//! An issuer and its public keys: read on a schedule, and out of turn when a token names a key that is not known yet.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    jwks::{Key, Keys, parse},
    verifier::AUDIENCE,
};

const LONGEST_FETCH: Duration = Duration::from_secs(10);
/// Whoever makes up key ids must not make us ask the issuer more often than this.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// A call waits no longer than this for keys that are read because of it.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// An OIDC issuer of people's tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud` that its tokens must have.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// Where its keys are; fetched again every 10 minutes, and when a token names another key. Either this or `jwks_file`.
    #[serde(default)]
    pub jwks_url: String,
    /// A file with its keys; read again as `jwks_url` is.
    #[serde(default)]
    pub jwks_file: PathBuf,
}

fn default_audience() -> String {
    AUDIENCE.to_owned()
}

/// An issuer with the keys it had when it was asked last.
pub(crate) struct KnownIssuer {
    pub(crate) issuer: Issuer,
    keys: RwLock<Keys>,
    asked_out_of_turn: Mutex<Option<Instant>>,
}

impl KnownIssuer {
    /// Without keys until the first [`KnownIssuer::refresh`].
    pub(crate) fn new(issuer: Issuer) -> Self {
        Self { issuer, keys: RwLock::default(), asked_out_of_turn: Mutex::default() }
    }

    /// Reads all keys; where they cannot be had the old ones stay.
    pub(crate) async fn refresh(&self, http: &reqwest::Client) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!("keys of issuer `{}`: {error}", self.issuer.issuer)
        };
        let text = self.fetch(http).await.map_err(|error| failed(&error))?;
        let keys = parse(&text).map_err(|error| failed(&error))?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The key of this id. Issuers rotate keys between two refreshes, so one that is not known is asked for once.
    pub(crate) async fn key(&self, id: &str, http: &reqwest::Client) -> Option<Arc<Key>> {
        if let Some(key) = self.known(id) {
            return Some(key);
        }
        let mut asked = self.asked_out_of_turn.lock().await;
        // Another call may have asked while this one waited for its turn.
        if let Some(key) = self.known(id) {
            return Some(key);
        }
        if asked.is_some_and(|at| at.elapsed() < ASK_AGAIN) {
            return None;
        }
        *asked = Some(Instant::now());
        match timeout(LONGEST_WAIT, self.refresh(http)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(
                error,
                "a token names a key that is not known, and the issuer's keys could not be read again"
            ),
            Err(_) => {
                tracing::warn!(
                    token.issuer = self.issuer.issuer,
                    "a token names a key that is not known, and reading the issuer's keys takes long"
                );
            }
        }
        self.known(id)
    }

    fn known(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    async fn fetch(
        &self,
        http: &reqwest::Client,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        match self.issuer.jwks_url.is_empty() {
            true => Ok(tokio::fs::read_to_string(&self.issuer.jwks_file).await?),
            false => Ok(http
                .get(&self.issuer.jwks_url)
                .timeout(LONGEST_FETCH)
                .send()
                .await?
                .error_for_status()?
                .text()
                .await?),
        }
    }
}

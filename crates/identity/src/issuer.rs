//! An issuer and its public keys. Keys are read on a schedule, and also for a token that no known
//! key has signed.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};
use tokio::{
    sync::{Mutex, Semaphore},
    time::{Instant, sleep_until, timeout},
};

use crate::jwks::{Key, Keys, parse};

/// The default `aud` of tokens for Slipway.
pub const AUDIENCE: &str = "slipway";
/// `iss` of the development issuer.
pub const DEVELOPMENT_ISSUER: &str = "slipway-development";
/// `iss` of service tokens.
pub(crate) const SERVICE_ISSUER: &str = "slipway-service";

const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest time between two fetches for tokens that no known key has signed. Without this
/// limit, a client that invents tokens could flood the issuer with requests.
const FETCH_INTERVAL: Duration = Duration::from_secs(1);
/// Calls that wait for a fetch at the same time. They hold memory, and their callers are unknown.
const MAX_WAITING: usize = 256;
/// The longest time that a call waits for a fetch that it has caused.
const CALL_FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// Configuration of an OIDC issuer of user tokens. Either `jwks_url` or `jwks_file` is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// `iss`, compared exactly.
    pub issuer: String,
    /// The `aud` that a token of this issuer must have.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// URL of the issuer's keys. They are fetched every 10 minutes, and for a token that no
    /// known key has signed.
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
    keys: RwLock<FetchedKeys>,
    /// When a token last caused a fetch, and whether the keys were read.
    last_fetch: Mutex<Option<(Instant, bool)>>,
    /// Limits the calls that wait for a fetch.
    waiting: Arc<Semaphore>,
}

#[derive(Default)]
struct FetchedKeys {
    /// The JWKS that the keys were read from; empty before the first fetch.
    jwks: String,
    by_id: Keys,
    /// The number of JWKS read so far that differed from their predecessor.
    generation: u64,
}

impl TrustedIssuer {
    /// Has no keys until the first [`TrustedIssuer::refresh`].
    pub(crate) fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            keys: RwLock::default(),
            last_fetch: Mutex::default(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// Reads all keys. The old keys stay in use when this fails.
    pub(crate) async fn refresh(&self, http: &reqwest::Client) -> Result<(), String> {
        let jwks = self.fetch(http).await.map_err(|error| self.refresh_error(error))?;
        let by_id = parse(&jwks).map_err(|error| self.refresh_error(error))?;

        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.jwks != jwks {
            let generation = keys.generation + 1;
            *keys = FetchedKeys { jwks, by_id, generation };
        }
        Ok(())
    }

    fn refresh_error(&self, error: impl fmt::Display) -> String {
        format!("keys of issuer `{}`: {error}", self.issuer.issuer)
    }

    /// Rises when the JWKS changes; 0 until it is read for the first time.
    pub(crate) fn key_generation(&self) -> u64 {
        self.fetched().generation
    }

    /// The known keys with this id.
    pub(crate) fn keys(&self, id: &str) -> Vec<Arc<Key>> {
        self.fetched().by_id.get(id).cloned().unwrap_or_default()
    }

    fn fetched(&self) -> RwLockReadGuard<'_, FetchedKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the keys again for a token that no known key has signed: issuers also rotate keys
    /// between two scheduled refreshes. Concurrent calls share a fetch, and wait for it.
    ///
    /// # Errors
    /// `DEPENDENCY_FAILED` when the keys could not be read, or too many calls wait for them.
    pub(crate) async fn fetch_for_token(
        self: &Arc<Self>,
        http: &reqwest::Client,
    ) -> Result<(), Fault> {
        let permit = self.waiting.clone().try_acquire_owned().map_err(|_| self.keys_unknown())?;

        // A task of its own, so that a caller who gives up does not end the fetch of others.
        let issuer = self.clone();
        let http = http.clone();
        let called = Instant::now();
        let fetch = tokio::spawn(async move {
            let _permit = permit;
            issuer.fetch_after(called, &http).await
        });

        let is_fetched = fetch.await.unwrap_or(false);
        if is_fetched { Ok(()) } else { Err(self.keys_unknown()) }
    }

    /// Whether the keys were read after `called`.
    async fn fetch_after(&self, called: Instant, http: &reqwest::Client) -> bool {
        let mut last_fetch = self.last_fetch.lock().await;

        if let Some((time, is_fetched)) = *last_fetch {
            if time >= called {
                return is_fetched;
            }
            sleep_until(time + FETCH_INTERVAL).await;
        }
        let time = Instant::now();

        let fetched = timeout(CALL_FETCH_TIMEOUT, self.refresh(http)).await;
        *last_fetch = Some((time, matches!(fetched, Ok(Ok(())))));

        match fetched {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(
                    error,
                    "no known key has signed a token; could not read the keys again"
                );
                false
            }
            Err(_) => {
                tracing::warn!(
                    token.issuer = self.issuer.issuer,
                    "no known key has signed a token; reading the issuer's keys again took too long"
                );
                false
            }
        }
    }

    pub(crate) fn keys_unknown(&self) -> Fault {
        let issuer = &self.issuer.issuer;
        let message = format!("The keys of issuer `{issuer}` could not be read. Try again.");
        Fault::new(Reason::DependencyFailed, message)
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

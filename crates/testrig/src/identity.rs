//! Keys and tokens of the development issuer and of the services, and callers with such tokens.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use slipway_identity::{
    AUDIENCE, Caller, DEVELOPMENT_ISSUER, DevelopmentIssuer, Issuer, ServiceName, ServiceSigner,
    Settings, SigningKey, Verifier,
};
use tempfile::TempDir;

const SERVICES: [ServiceName; 3] =
    [ServiceName::Permission, ServiceName::Catalog, ServiceName::Builder];
const DEVELOPMENT: &str = "development";
const USER_TOKEN_TTL: Duration = Duration::from_secs(600);

/// A folder of keys with the files of `slipway-standalone keys`.
#[derive(Debug)]
pub struct TestKeys {
    folder: PathBuf,
    /// Deletes new keys when the test ends.
    _temporary: Option<TempDir>,
}

impl TestKeys {
    /// New keys in a temporary folder.
    ///
    /// # Panics
    /// If a file cannot be written.
    #[expect(clippy::new_without_default, reason = "it writes files")]
    pub fn new() -> Self {
        let temporary = TempDir::new().expect("a temporary folder");
        let keys = Self { folder: temporary.path().to_owned(), _temporary: Some(temporary) };

        let services = SERVICES.map(|service| keys.create_key(service.as_str()));
        write_jwks(&keys.services_file(), &services);
        write_jwks(&keys.issuer_file(), &[keys.create_key(DEVELOPMENT)]);

        keys
    }

    /// The keys of a stack, by the folder of its data.
    pub fn of_stack(data: &Path) -> Self {
        Self { folder: data.join("keys"), _temporary: None }
    }

    /// A token of a user.
    ///
    /// # Panics
    /// If there is no key.
    pub fn user_token(&self, subject: &str) -> String {
        let issuer = DevelopmentIssuer::new(self.key(DEVELOPMENT));
        issuer.token(subject, AUDIENCE, USER_TOKEN_TTL).expect("a token")
    }

    /// A token of a service, valid for a minute.
    ///
    /// # Panics
    /// If there is no key.
    pub fn service_token(&self, service: ServiceName) -> String {
        let signer = ServiceSigner::new(service, self.key(service.as_str()));
        signer.token().expect("a token")
    }

    /// The identity settings of a service that trusts these keys.
    pub fn settings(&self, service: ServiceName) -> Settings {
        let development = Issuer {
            issuer: DEVELOPMENT_ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks_url: String::new(),
            jwks_file: self.issuer_file(),
        };

        Settings {
            issuers: vec![development],
            service_jwks_file: self.services_file(),
            service_key_file: self.service_key_file(service),
        }
    }

    /// The private key of a service.
    pub fn service_key_file(&self, service: ServiceName) -> PathBuf {
        self.key_file(service.as_str())
    }

    /// The JWKS of the development issuer.
    fn issuer_file(&self) -> PathBuf {
        self.folder.join("development.json")
    }

    /// The JWKS of the services.
    fn services_file(&self) -> PathBuf {
        self.folder.join("services.json")
    }

    fn key_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    /// Returns the public half.
    fn create_key(&self, name: &str) -> Value {
        SigningKey::read_or_create(&self.key_file(name), name).expect("a new key file").jwk()
    }

    fn key(&self, name: &str) -> SigningKey {
        SigningKey::read(&self.key_file(name), name).expect("a key file")
    }
}

/// Writes a JWKS file.
///
/// # Panics
/// If it cannot be written.
pub fn write_jwks(path: &Path, keys: &[Value]) {
    let text = json!({ "keys": keys }).to_string();
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Verified callers, for tests that call a handler or a use case directly.
pub struct Callers {
    keys: TestKeys,
    verifier: Verifier,
}

impl Callers {
    /// Callers with new keys.
    ///
    /// # Panics
    /// If the keys cannot be written or read.
    pub async fn new() -> Self {
        let keys = TestKeys::new();
        let verifier = Verifier::new(keys.settings(ServiceName::Catalog));
        verifier.refresh().await.expect("the keys can be read");

        Self { keys, verifier }
    }

    /// A user of the development issuer.
    ///
    /// # Panics
    /// If the token is refused.
    pub async fn user(&self, subject: &str) -> Caller {
        self.verify(&self.keys.user_token(subject)).await
    }

    /// A service, without a user.
    ///
    /// # Panics
    /// If the token is refused.
    pub async fn service(&self, service: ServiceName) -> Caller {
        self.verify(&self.keys.service_token(service)).await
    }

    async fn verify(&self, token: &str) -> Caller {
        self.verifier.verify(token, None).await.expect("the token is accepted")
    }
}

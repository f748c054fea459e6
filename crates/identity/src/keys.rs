//! ES256 signing keys in PKCS#8 PEM files of mode 0600, and their public halves as JWKs (RFC 7517, RFC 7518 section 6.2).

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use tempfile::Builder;

/// A key file that cannot be used.
#[derive(Debug)]
pub struct InvalidKey(pub String);

impl std::fmt::Display for InvalidKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for InvalidKey {}

/// A private key and its id.
pub struct SigningKey {
    pub(crate) id: String,
    pub(crate) encoding: EncodingKey,
    public: Vec<u8>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads the key file; refuses one that others may read.
    pub fn read(path: &Path, id: &str) -> Result<Self, InvalidKey> {
        let invalid =
            |reason: &dyn std::fmt::Display| InvalidKey(format!("key file of `{id}`: {reason}"));
        let mode = fs::metadata(path).map_err(|error| invalid(&error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(invalid(&format!("mode {:o} lets others read it; set 0600", mode & 0o777)));
        }
        let pem = fs::read_to_string(path).map_err(|error| invalid(&error))?;
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).map_err(|error| invalid(&error))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .map_err(|error| invalid(&error))?;
        Ok(Self {
            id: id.to_owned(),
            encoding: EncodingKey::from_ec_der(&der),
            public: pair.public_key().as_ref().to_vec(),
        })
    }

    /// Reads the key file, or makes one where there is none. Of two that make it at once the first wins.
    pub fn read_or_create(path: &Path, id: &str) -> Result<Self, InvalidKey> {
        let made = match path.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => create(path),
            Err(error) => Err(error),
        };
        made.map_err(|error| InvalidKey(format!("key file of `{id}`: {error}")))?;
        Self::read(path, id)
    }

    /// The public half, as an entry of a JWKS.
    pub fn jwk(&self) -> Value {
        let coordinate = |range: std::ops::Range<usize>| {
            URL_SAFE_NO_PAD.encode(self.public.get(range).unwrap_or_default())
        };
        // An uncompressed point: 0x04, x, y (SEC 1, section 2.3.3).
        json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id, "x": coordinate(1..33), "y": coordinate(33..65) })
    }
}

/// The file appears whole or not at all, whenever the process is killed. An existing one is never replaced.
fn create(path: &Path) -> io::Result<()> {
    let pair =
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(io::Error::other)?;
    let der = pair.to_pkcs8v1().map_err(io::Error::other)?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = Builder::new()
        .prefix(".key-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    write!(
        file,
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    )?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => fs::File::open(folder)?.sync_all(),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(refused.error),
    }
}

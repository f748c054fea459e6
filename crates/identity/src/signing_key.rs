//! ES256 signing keys in PKCS#8 PEM files of mode 0600, and their public halves as JWKs (RFC 7517,
//! RFC 7518 section 6.2).

use std::{
    fmt, fs,
    io::{self, Write as _},
    ops::Range,
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

/// A key file that cannot be used, or a token that could not be signed.
#[derive(Debug)]
pub struct InvalidKey(pub String);

impl fmt::Display for InvalidKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
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

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// When the file cannot be read, other users may access it, or it holds no P-256 key.
    pub fn read(path: &Path, id: &str) -> Result<Self, InvalidKey> {
        check_mode(path, id)?;

        let pem = fs::read_to_string(path).map_err(|error| invalid_file(id, error))?;
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).map_err(|error| invalid_file(id, error))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .map_err(|error| invalid_file(id, error))?;

        Ok(Self {
            id: id.to_owned(),
            encoding: EncodingKey::from_ec_der(&der),
            public: pair.public_key().as_ref().to_vec(),
        })
    }

    /// Reads a key file, and creates it first if it is missing. If several processes create it at
    /// the same time, all of them use the first key.
    ///
    /// # Errors
    /// As [`SigningKey::read`], and when the file cannot be created.
    pub fn read_or_create(path: &Path, id: &str) -> Result<Self, InvalidKey> {
        let exists = path.try_exists().map_err(|error| invalid_file(id, error))?;
        if !exists {
            create(path).map_err(|error| invalid_file(id, error))?;
        }

        Self::read(path, id)
    }

    /// The public half, as an entry of a JWKS.
    pub fn jwk(&self) -> Value {
        // The public key is an uncompressed point: 0x04, x, y (SEC 1, section 2.3.3).
        json!({
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.id,
            "x": self.public_bytes(1..33),
            "y": self.public_bytes(33..65),
        })
    }

    fn public_bytes(&self, range: Range<usize>) -> String {
        URL_SAFE_NO_PAD.encode(self.public.get(range).unwrap_or_default())
    }
}

fn invalid_file(id: &str, error: impl fmt::Display) -> InvalidKey {
    InvalidKey(format!("key file of `{id}`: {error}"))
}

fn check_mode(path: &Path, id: &str) -> Result<(), InvalidKey> {
    let metadata = fs::metadata(path).map_err(|error| invalid_file(id, error))?;
    let mode = metadata.permissions().mode() & 0o777;

    if mode & 0o077 != 0 {
        let error = format!("mode {mode:o} gives access to other users; set 0600");
        return Err(invalid_file(id, error));
    }
    Ok(())
}

/// Creates a key file. It appears complete or not at all, even if the process is killed, and an
/// existing file is never replaced.
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

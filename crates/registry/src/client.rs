//! The client of the OCI registries: manifests, indexes and configs, each checked against its
//! digest.

use std::{io::Cursor, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use oci_client::{
    Client, Reference as OciReference,
    client::ClientConfig,
    client::ClientProtocol,
    errors::{OciDistributionError, OciErrorCode},
    secrets::RegistryAuth,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use slipway_fault::{Fault, Reason};
use slipway_names::{digest::Digest, platform::Platform, reference::Reference, unit::ByteCount};
use tokio::time::timeout;

use crate::{
    artifact::{Artifact, Inspection, layers_of},
    strict_json::StrictValue,
};

/// Media types of the manifests and indexes that Slipway reads.
const MANIFEST_TYPES: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// For one manifest or one config, with authentication and all reads.
const PULL_TIMEOUT: Duration = Duration::from_secs(8);

/// Protects the memory from hostile registries; real configs have a few kilobytes.
const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;

type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// `host:port` of each registry without TLS.
    #[serde(default)]
    pub insecure: Vec<String>,
}

/// The cause of a failed inspection.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry has no such manifest or repository.
    #[error("the registry has no `{0}`; check the repository and the tag")]
    Missing(String),
    /// The registry refuses the access.
    #[error("the registry denied access to `{0}`")]
    Denied(String),
    /// The registry hides whether the reference is missing or denied.
    #[error("the registry has no `{0}`, or hides it from callers without credentials")]
    MissingOrDenied(String),
    /// No response, or an invalid one.
    #[error(
        "the registry of `{reference}` cannot be reached or does not speak the registry protocol; \
         try again later"
    )]
    Unreachable {
        reference: String,
        /// For the log.
        #[source]
        cause: Cause,
    },
    /// The reference has no image for this platform.
    #[error("`{reference}` has no image for {platform}; it has {available}")]
    NoPlatform {
        reference: String,
        /// The requested platform.
        platform: Platform,
        /// The platforms of the reference, separated by commas.
        available: String,
    },
}

impl RegistryError {
    fn unreachable(reference: &str, cause: impl Into<Cause>) -> Self {
        Self::Unreachable { reference: reference.to_owned(), cause: cause.into() }
    }
}

impl From<RegistryError> for Fault {
    fn from(error: RegistryError) -> Self {
        let reason = match &error {
            RegistryError::Missing(_) => Reason::ReferenceMissing,
            RegistryError::Denied(_) => Reason::ReferenceDenied,
            RegistryError::MissingOrDenied(_) => Reason::ReferenceMissingOrDenied,
            RegistryError::Unreachable { .. } => Reason::RegistryUnreachable,
            RegistryError::NoPlatform { .. } => Reason::PlatformMismatch,
        };

        Self::new(reason, error.to_string()).cause(error)
    }
}

/// The client of all registries. Calls are anonymous.
pub struct Registries {
    pub(crate) client: Client,
}

impl Registries {
    /// Uses TLS for all registries except the configured ones.
    pub fn new(config: &RegistryConfig) -> Self {
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(config.insecure.clone()),
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            // Otherwise each read from one registry becomes a request to the other.
            use_monolithic_push: true,
            ..ClientConfig::default()
        };

        Self { client: Client::new(config) }
    }

    /// Looks up a reference: its digest, its platforms and its size. For an index these are the
    /// index's digest, all its platforms, and the size of its first image.
    ///
    /// # Errors
    /// `REFERENCE_MISSING`, `REFERENCE_DENIED`, `REFERENCE_MISSING_OR_DENIED`,
    /// `REGISTRY_UNREACHABLE`.
    pub async fn resolve(&self, reference: &Reference) -> Result<Artifact, RegistryError> {
        let (manifest, digest) = self.pull_manifest(reference).await?;

        let images = index_entries(&manifest);
        let Some((_, first)) = images.first() else {
            let inspection = self.inspect_manifest(reference, &manifest, digest.clone()).await?;
            return Ok(Artifact {
                digest,
                platforms: vec![inspection.platform],
                size: inspection.size,
            });
        };

        let (first, _) = self.pull_manifest(&reference.at(first)).await?;
        Ok(Artifact {
            digest,
            platforms: images.into_iter().map(|(platform, _)| platform).collect(),
            size: compressed_size(&first),
        })
    }

    /// Finds the image of a reference for `platform` and pulls its config. The digest of the result
    /// is the manifest's, so a later pull by that digest gets the inspected image.
    ///
    /// # Errors
    /// `REFERENCE_MISSING`, `REFERENCE_DENIED`, `REFERENCE_MISSING_OR_DENIED`,
    /// `REGISTRY_UNREACHABLE`, `PLATFORM_MISMATCH`.
    pub async fn inspect(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Inspection, RegistryError> {
        let no_platform = |available: String| RegistryError::NoPlatform {
            reference: reference.to_string(),
            platform: platform.clone(),
            available,
        };

        let (mut manifest, mut digest) = self.pull_manifest(reference).await?;
        let images = index_entries(&manifest);
        if !images.is_empty() {
            let Some((_, image)) = images.iter().find(|(candidate, _)| candidate == platform)
            else {
                let platforms: Vec<&str> =
                    images.iter().map(|(platform, _)| platform.as_str()).collect();
                return Err(no_platform(platforms.join(", ")));
            };
            (manifest, digest) = self.pull_manifest(&reference.at(image)).await?;
        }

        let inspection = self.inspect_manifest(reference, &manifest, digest).await?;
        if inspection.platform != *platform {
            return Err(no_platform(inspection.platform.to_string()));
        }

        Ok(inspection)
    }

    /// Pulls a manifest or index and checks it against the digest of the reference, if the
    /// reference has one.
    async fn pull_manifest(&self, reference: &Reference) -> Result<(Value, Digest), RegistryError> {
        let name = reference.to_string();
        let oci_reference = parse_oci_reference(&name)?;

        let pull =
            self.client.pull_manifest_raw(&oci_reference, &RegistryAuth::Anonymous, MANIFEST_TYPES);
        let (bytes, _) = timeout(PULL_TIMEOUT, pull)
            .await
            .map_err(|error| RegistryError::unreachable(&name, error))?
            .map_err(|error| classify(&name, error))?;

        let digest = sha256(&bytes);
        if reference.digest().is_some_and(|wanted| *wanted != digest) {
            let cause = format!("the registry sent a manifest with the digest {digest}");
            return Err(RegistryError::unreachable(&name, cause));
        }

        let StrictValue(manifest) = serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::unreachable(&name, error))?;
        Ok((manifest, digest))
    }

    async fn inspect_manifest(
        &self,
        reference: &Reference,
        manifest: &Value,
        digest: Digest,
    ) -> Result<Inspection, RegistryError> {
        let name = reference.to_string();
        let bytes = self.pull_config(&name, &manifest["config"]).await?;
        let config_digest = sha256(&bytes);
        let StrictValue(config) = serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::unreachable(&name, error))?;

        let field = |key: &str| config[key].as_str().unwrap_or("unknown").to_owned();
        let platform = format!("{}/{}", field("os"), field("architecture"))
            .parse()
            .map_err(|error| RegistryError::unreachable(&name, error))?;

        let size = compressed_size(manifest);
        let layers = layers_of(manifest, &config);
        Ok(Inspection { digest, config_digest, platform, size, layers, config })
    }

    /// Pulls the config that a manifest's descriptor names, and checks it against the descriptor's
    /// digest.
    async fn pull_config(&self, name: &str, descriptor: &Value) -> Result<Vec<u8>, RegistryError> {
        let unreachable = |cause: Cause| RegistryError::unreachable(name, cause);
        let oci_reference = parse_oci_reference(name)?;
        let digest = descriptor["digest"].as_str().unwrap_or_default();

        if descriptor["size"].as_i64().is_none_or(|size| size > MAX_CONFIG_BYTES as i64) {
            let cause = format!("the config's size is missing or over {MAX_CONFIG_BYTES} bytes");
            return Err(unreachable(cause.into()));
        }

        // A registry may send more bytes than the descriptor declares; a cursor over a boxed slice
        // cannot grow.
        let mut buffer = Cursor::new(vec![0; MAX_CONFIG_BYTES].into_boxed_slice());
        timeout(PULL_TIMEOUT, self.client.pull_blob(&oci_reference, digest, &mut buffer))
            .await
            .map_err(|error| unreachable(error.into()))?
            .map_err(|error| classify(name, error))?;

        let length = usize::try_from(buffer.position()).unwrap_or_default();
        let mut bytes = buffer.into_inner().into_vec();
        bytes.truncate(length);
        if sha256(&bytes).as_str() != digest {
            return Err(unreachable(
                "the registry sent a config whose digest differs from the one in the manifest"
                    .into(),
            ));
        }

        Ok(bytes)
    }
}

pub(crate) fn parse_oci_reference(name: &str) -> Result<OciReference, RegistryError> {
    name.parse().map_err(|error| RegistryError::unreachable(name, error))
}

/// The platforms of an index with their digests, in order; empty for a manifest. Attestations,
/// whose platform is `unknown/unknown`, are left out.
fn index_entries(manifest: &Value) -> Vec<(Platform, Digest)> {
    let entries = manifest["manifests"].as_array().into_iter().flatten();

    entries
        .filter_map(index_entry)
        .filter(|(platform, _)| !platform.as_str().starts_with("unknown/"))
        .collect()
}

fn index_entry(entry: &Value) -> Option<(Platform, Digest)> {
    let platform = &entry["platform"];
    let os = platform["os"].as_str()?;
    let architecture = platform["architecture"].as_str()?;
    let name = match platform["variant"].as_str() {
        Some(variant) => format!("{os}/{architecture}/{variant}"),
        None => format!("{os}/{architecture}"),
    };

    Some((name.parse().ok()?, entry["digest"].as_str()?.parse().ok()?))
}

/// The compressed size of the config and all layers. A negative or absent size counts as 0:
/// the sizes are the registry's own statement.
fn compressed_size(manifest: &Value) -> ByteCount {
    let layers = manifest["layers"].as_array().into_iter().flatten();
    let descriptors = layers.chain([&manifest["config"]]);
    let sizes = descriptors.filter_map(|descriptor| descriptor["size"].as_u64());

    ByteCount::try_from(sizes.fold(0, u64::saturating_add)).unwrap_or(ByteCount::MAX)
}

fn sha256(bytes: &[u8]) -> Digest {
    let hash = hex::encode(digest(&SHA256, bytes));

    format!("sha256:{hash}").parse().expect("a sha256 in hexadecimal is a digest")
}

/// Converts an error of the client by HTTP status and error code (OCI distribution specification,
/// error codes).
pub(crate) fn classify(reference: &str, error: OciDistributionError) -> RegistryError {
    let name = reference.to_owned();
    match &error {
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => RegistryError::Missing(name),
        OciDistributionError::ServerError { code: 403, .. } => RegistryError::Denied(name),
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError { code: 401, .. } => {
            RegistryError::MissingOrDenied(name)
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let has_any = |codes: &[OciErrorCode]| {
                envelope.errors.iter().any(|error| codes.contains(&error.code))
            };

            if has_any(&[
                OciErrorCode::ManifestUnknown,
                OciErrorCode::NameUnknown,
                OciErrorCode::NotFound,
            ]) {
                RegistryError::Missing(name)
            } else if has_any(&[OciErrorCode::Denied]) {
                RegistryError::Denied(name)
            } else if has_any(&[OciErrorCode::Unauthorized]) {
                RegistryError::MissingOrDenied(name)
            } else {
                RegistryError::unreachable(reference, error)
            }
        }
        _ => RegistryError::unreachable(reference, error),
    }
}

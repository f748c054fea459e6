//! Asking a registry.

use std::time::Duration;

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
use slipway_names::{digest::Digest, platform::Platform, reference::Reference};
use tokio::time::timeout;

use crate::{
    inspection::{Artifact, Inspection},
    strict_json::StrictValue,
};

const MANIFESTS: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const PATIENCE: Duration = Duration::from_secs(8);
/// A config larger than this is no honest one.
const LARGEST_CONFIG: i64 = 4 * 1024 * 1024;

/// How to speak to registries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `host:port` of registries without TLS.
    #[serde(default)]
    pub insecure: Vec<String>,
}

/// Why a reference could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry says that there is none.
    #[error("the registry has no `{0}`; check the repository and the tag")]
    Missing(String),
    /// The registry says no.
    #[error("the registry denied access to `{0}`")]
    Denied(String),
    /// The registry does not say which.
    #[error("the registry has no `{0}`, or hides it from those without credentials")]
    MissingOrDenied(String),
    /// No answer, or one that makes no sense.
    #[error(
        "the registry of `{reference}` cannot be reached or does not speak the registry protocol; try again later"
    )]
    Unreachable {
        /// What was asked for.
        reference: String,
        /// For the log.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No image for this platform behind the reference.
    #[error("`{reference}` has no image for {platform}; it has {available}")]
    NoPlatform {
        /// What was asked for.
        reference: String,
        /// For which platform.
        platform: Platform,
        /// What there is.
        available: String,
    },
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

/// All registries.
pub struct Registries {
    client: Client,
}

impl Registries {
    /// Speaks TLS to all but the configured ones.
    pub fn new(settings: &Settings) -> Self {
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(settings.insecure.clone()),
            connect_timeout: Some(Duration::from_secs(3)),
            read_timeout: Some(Duration::from_secs(5)),
            ..ClientConfig::default()
        };
        Self { client: Client::new(config) }
    }

    /// What is behind the reference: for an index, all its platforms, its own digest, and the size of the first image.
    pub async fn resolve(&self, reference: &Reference) -> Result<Artifact, RegistryError> {
        let (manifest, digest) = self.manifest(reference).await?;
        let children = children(&manifest);
        if children.is_empty() {
            let inspection = self.inspect_manifest(reference, &manifest, digest.clone()).await?;
            return Ok(Artifact {
                digest,
                platforms: vec![inspection.platform],
                size_bytes: inspection.size_bytes,
            });
        }
        let (first, _) = self.manifest(&reference.at(&children[0].1)).await?;
        Ok(Artifact {
            digest,
            platforms: children.into_iter().map(|(platform, _)| platform).collect(),
            size_bytes: size(&first),
        })
    }

    /// The one image for `platform` behind the reference, with its raw config, by the digest that was inspected.
    pub async fn inspect(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Inspection, RegistryError> {
        let (mut manifest, mut digest) = self.manifest(reference).await?;
        let children = children(&manifest);
        if !children.is_empty() {
            let Some((_, child)) = children.iter().find(|(candidate, _)| candidate == platform)
            else {
                let available = children
                    .iter()
                    .map(|(platform, _)| platform.to_string())
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(RegistryError::NoPlatform {
                    reference: reference.to_string(),
                    platform: platform.clone(),
                    available,
                });
            };
            (manifest, digest) = self.manifest(&reference.at(child)).await?;
        }
        let inspection = self.inspect_manifest(reference, &manifest, digest).await?;
        if inspection.platform != *platform {
            return Err(RegistryError::NoPlatform {
                reference: reference.to_string(),
                platform: platform.clone(),
                available: inspection.platform.to_string(),
            });
        }
        Ok(inspection)
    }

    async fn manifest(&self, reference: &Reference) -> Result<(Value, Digest), RegistryError> {
        let name = reference.to_string();
        let oci: OciReference = name.parse().map_err(|error| unreachable(&name, error))?;
        let pulled = timeout(
            PATIENCE,
            self.client.pull_manifest_raw(&oci, &RegistryAuth::Anonymous, MANIFESTS),
        )
        .await;
        let (bytes, _) = pulled
            .map_err(|error| unreachable(&name, error))?
            .map_err(|error| classify(&name, error))?;
        let digest = sha256(&bytes);
        if reference.digest().is_some_and(|wanted| *wanted != digest) {
            return Err(unreachable(&name, format!("the registry sent {digest} instead")));
        }
        let StrictValue(manifest) =
            serde_json::from_slice(&bytes).map_err(|error| unreachable(&name, error))?;
        Ok((manifest, digest))
    }

    async fn inspect_manifest(
        &self,
        reference: &Reference,
        manifest: &Value,
        digest: Digest,
    ) -> Result<Inspection, RegistryError> {
        let name = reference.to_string();
        let oci: OciReference = name.parse().map_err(|error| unreachable(&name, error))?;
        let config = &manifest["config"];
        let wanted = config["digest"].as_str().unwrap_or_default();
        if config["size"].as_i64().is_none_or(|size| size > LARGEST_CONFIG) {
            return Err(unreachable(&name, "the image's config has no acceptable size"));
        }
        // A registry may send more than it said; a cursor over a room that cannot grow takes no more than that.
        let mut room = std::io::Cursor::new(
            vec![0; usize::try_from(LARGEST_CONFIG).unwrap_or_default()].into_boxed_slice(),
        );
        let pulled = timeout(PATIENCE, self.client.pull_blob(&oci, wanted, &mut room)).await;
        pulled
            .map_err(|error| unreachable(&name, error))?
            .map_err(|error| classify(&name, error))?;
        let length = usize::try_from(room.position()).unwrap_or_default();
        let mut bytes = room.into_inner().into_vec();
        bytes.truncate(length);
        let config_digest = sha256(&bytes);
        if config_digest.as_str() != wanted {
            return Err(unreachable(
                &name,
                "the registry sent another config than the manifest names",
            ));
        }
        let StrictValue(config) =
            serde_json::from_slice(&bytes).map_err(|error| unreachable(&name, error))?;
        let part = |key: &str| config[key].as_str().unwrap_or("unknown").to_owned();
        let platform = format!("{}/{}", part("os"), part("architecture"))
            .parse()
            .map_err(|error| unreachable(&name, error))?;
        Ok(Inspection { digest, config_digest, platform, size_bytes: size(manifest), config })
    }
}

/// Platforms of an index with their digests; attestations are no images.
fn children(manifest: &Value) -> Vec<(Platform, Digest)> {
    let entries = manifest["manifests"].as_array().into_iter().flatten();
    let child = |entry: &Value| {
        let platform = &entry["platform"];
        let mut name =
            format!("{}/{}", platform["os"].as_str()?, platform["architecture"].as_str()?);
        if let Some(variant) = platform["variant"].as_str() {
            name = format!("{name}/{variant}");
        }
        Some((name.parse().ok()?, entry["digest"].as_str()?.parse().ok()?))
    };
    entries
        .filter_map(child)
        .filter(|(platform, _): &(Platform, Digest)| !platform.as_str().starts_with("unknown/"))
        .collect()
}

fn size(manifest: &Value) -> i64 {
    let layers = manifest["layers"].as_array().into_iter().flatten();
    layers.chain([&manifest["config"]]).filter_map(|descriptor| descriptor["size"].as_i64()).sum()
}

fn sha256(bytes: &[u8]) -> Digest {
    let hex: String =
        digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}").parse().expect("a sha256 in hexadecimal is a digest")
}

fn unreachable(
    reference: &str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> RegistryError {
    RegistryError::Unreachable { reference: reference.to_owned(), cause: cause.into() }
}

fn classify(reference: &str, error: OciDistributionError) -> RegistryError {
    let name = reference.to_owned();
    match &error {
        OciDistributionError::ImageManifestNotFoundError(_) => RegistryError::Missing(name),
        OciDistributionError::ServerError { code: 404, .. } => RegistryError::Missing(name),
        OciDistributionError::ServerError { code: 403, .. } => RegistryError::Denied(name),
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError { code: 401, .. } => {
            RegistryError::MissingOrDenied(name)
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let has = |codes: &[OciErrorCode]| {
                envelope.errors.iter().any(|error| codes.contains(&error.code))
            };
            match () {
                () if has(&[
                    OciErrorCode::ManifestUnknown,
                    OciErrorCode::NameUnknown,
                    OciErrorCode::NotFound,
                ]) =>
                {
                    RegistryError::Missing(name)
                }
                () if has(&[OciErrorCode::Denied]) => RegistryError::Denied(name),
                () if has(&[OciErrorCode::Unauthorized]) => RegistryError::MissingOrDenied(name),
                () => unreachable(reference, error),
            }
        }
        _ => unreachable(reference, error),
    }
}

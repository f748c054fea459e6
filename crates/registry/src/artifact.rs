//! What a registry has behind a reference.

use serde_json::Value;
use slipway_names::{digest::Digest, platform::Platform, unit::ByteCount};

/// The content of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Digest of the manifest or index.
    pub digest: Digest,
    /// Every platform that has an image.
    pub platforms: Vec<Platform>,
    /// Compressed config and layers of the first platform.
    pub size: ByteCount,
}

/// One image for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Digest of the config, which container tools call the image id.
    pub config_digest: Digest,
    /// The platform in the config.
    pub platform: Platform,
    /// Compressed config and layers.
    pub size: ByteCount,
    /// From the lowest on; empty if manifest and config contradict each other.
    pub layers: Vec<Layer>,
    /// The unchanged config (OCI image specification, config).
    pub config: Value,
}

/// One layer of an image (OCI image specification, image layer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the compressed layer.
    pub digest: Digest,
    /// Digest of the uncompressed layer.
    pub diff_id: Digest,
    /// Size of the compressed layer.
    pub size: ByteCount,
    /// The other compressions are none and zstd.
    pub is_gzip: bool,
}

/// The layers of a manifest with its config; empty if they contradict each other.
pub(crate) fn layers_of(manifest: &Value, config: &Value) -> Vec<Layer> {
    let descriptors = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let diff_ids = config["rootfs"]["diff_ids"].as_array().map(Vec::as_slice).unwrap_or_default();
    if descriptors.len() != diff_ids.len() {
        return Vec::new();
    }

    let layers =
        descriptors.iter().zip(diff_ids).map(|(descriptor, diff_id)| layer(descriptor, diff_id));
    layers.collect::<Option<_>>().unwrap_or_default()
}

fn layer(descriptor: &Value, diff_id: &Value) -> Option<Layer> {
    let media_type = descriptor["mediaType"].as_str()?;

    Some(Layer {
        digest: descriptor["digest"].as_str()?.parse().ok()?,
        diff_id: diff_id.as_str()?.parse().ok()?,
        size: ByteCount::try_from(descriptor["size"].as_u64()?).ok()?,
        is_gzip: media_type.ends_with("tar+gzip") || media_type.ends_with("tar.gzip"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(character: char) -> String {
        format!("sha256:{}", character.to_string().repeat(64))
    }

    #[test]
    fn layers_have_the_digests_of_manifest_and_config() {
        let manifest = json!({ "layers": [
            { "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
              "digest": digest('a'), "size": 3 },
            { "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
              "digest": digest('b'), "size": 4 },
            { "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
              "digest": digest('c'), "size": 5 },
        ]});
        let config = json!({ "rootfs": { "diff_ids": [digest('1'), digest('2'), digest('3')] } });

        let layers = layers_of(&manifest, &config);

        let gzip: Vec<bool> = layers.iter().map(|layer| layer.is_gzip).collect();
        assert_eq!(gzip, [true, true, false]);
        assert_eq!(layers[1].digest.as_str(), digest('b'));
        assert_eq!(layers[1].diff_id.as_str(), digest('2'));
        assert_eq!(u64::from(layers[1].size), 4);
    }

    #[test]
    fn contradicting_config_gives_no_layers() {
        let manifest = json!({ "layers": [
            { "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
              "digest": digest('a'), "size": 3 },
        ]});

        for diff_ids in [json!([]), json!(["nothing"]), json!([digest('1'), digest('2')])] {
            let config = json!({ "rootfs": { "diff_ids": diff_ids } });
            assert_eq!(layers_of(&manifest, &config), [], "{config}");
        }
    }
}

//! Brings the layers of the base into the image's repository before the push, so that the push
//! does not compress them again, and the image keeps their digests.

use std::{error::Error, fs, io, path::Path};

use serde::Deserialize;
use slipway_names::reference::Reference;
use slipway_registry::{Layer, LayerSource};
use tokio::time::{Instant, timeout_at};

use super::{Buildah, attempt::Attempt, disk_io_failure, log_line};
use crate::{
    domain::{failure::Failure, step::Step},
    worker::log_sink::LogSink,
};

/// The folder of an attempt that tells `buildah push --blob-cache` which layers the repository has.
pub(super) const PROVIDED_LAYERS: &str = "provided-layers";

impl Buildah {
    /// Returns whether the repository of `target` now has any layer of the base. Layers that could
    /// not be provided are left to the push.
    pub(super) async fn provide_base_layers(
        &self,
        attempt: &Attempt,
        layers: &[Layer],
        source: &Reference,
        target: &Reference,
        log: &mut LogSink,
    ) -> Result<bool, Failure> {
        let folder = attempt.folder.join(PROVIDED_LAYERS);
        fs::create_dir_all(&folder).map_err(|error| disk_io_failure(Step::Push, &error))?;

        // The other half is for the push itself.
        let deadline = Instant::now() + self.settings.limits.transfer_timeout() / 2;
        let pulled = self.pulled_layers().unwrap_or_else(|error| {
            tracing::warn!(
                %error,
                "could not read the store of bases; the push uploads all layers"
            );
            PulledLayers::default()
        });
        let mut provided = Vec::new();
        // Only gzip: what `write_note` writes cannot name a compression, and buildah assumes gzip.
        for layer in layers.iter().filter(|layer| layer.is_gzip && pulled.contains(layer)) {
            match self.provide_base_layer(layer, source, target, &folder, deadline).await {
                Ok(layer_source) => provided.push(layer_source),
                Err(error) => tracing::warn!(
                    layer.digest = %layer.digest,
                    error,
                    "could not provide a layer of the base; the push uploads it"
                ),
            }
        }

        log_line(log, &summary(layers, &provided)).await?;
        Ok(!provided.is_empty())
    }

    /// The layers in the store of bases, as they were received. The manifest and the config of a
    /// base are its author's statements, and could name other content.
    fn pulled_layers(&self) -> io::Result<PulledLayers> {
        let file = self.settings.data_dir.join("bases/overlay-layers/layers.json");
        Ok(PulledLayers(serde_json::from_slice(&fs::read(file)?)?))
    }

    async fn provide_base_layer(
        &self,
        layer: &Layer,
        source: &Reference,
        target: &Reference,
        folder: &Path,
        deadline: Instant,
    ) -> Result<LayerSource, Box<dyn Error + Send + Sync>> {
        let provide = self.registries.provide_layer(layer, source, target);
        let layer_source = timeout_at(deadline, provide).await??;

        write_note(folder, layer)?;
        Ok(layer_source)
    }
}

#[derive(Default)]
struct PulledLayers(Vec<PulledLayer>);

impl PulledLayers {
    fn contains(&self, layer: &Layer) -> bool {
        self.0.iter().any(|pulled| {
            pulled.diff_digest == layer.diff_id.as_str()
                && pulled.compressed_digest == layer.digest.as_str()
                && pulled.compressed_size == u64::from(layer.size)
        })
    }
}

/// A layer in the `layers.json` of containers-storage.
#[derive(Deserialize)]
struct PulledLayer {
    #[serde(default, rename = "diff-digest")]
    diff_digest: String,
    #[serde(default, rename = "compressed-diff-digest")]
    compressed_digest: String,
    #[serde(default, rename = "compressed-size")]
    compressed_size: u64,
}

fn summary(layers: &[Layer], provided: &[LayerSource]) -> String {
    let count = |wanted| provided.iter().filter(|source| **source == wanted).count();

    format!(
        "layers of the base: {} in all, {} present, {} mounted, {} copied, {} to be uploaded",
        layers.len(),
        count(LayerSource::Present),
        count(LayerSource::Mounted),
        count(LayerSource::Copied),
        layers.len() - provided.len()
    )
}

/// Writes what `buildah push --blob-cache` reads: the digest of the compressed layer under the name
/// of the uncompressed one, and a file without content in place of the compressed layer. The
/// content is never read, because the registry has the layer.
fn write_note(folder: &Path, layer: &Layer) -> io::Result<()> {
    let blob = fs::File::create(folder.join(layer.digest.as_str()))?;
    blob.set_len(layer.size.into())?;

    let compressed = format!("{}.compressed", layer.diff_id);
    fs::write(folder.join(compressed), layer.digest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(character: char) -> String {
        format!("sha256:{}", character.to_string().repeat(64))
    }

    fn layer(digest: &str, diff_id: &str, size: u64) -> Layer {
        Layer {
            digest: digest.parse().unwrap(),
            diff_id: diff_id.parse().unwrap(),
            size: size.try_into().unwrap(),
            is_gzip: true,
        }
    }

    #[test]
    fn only_layers_that_were_pulled_as_the_base_states_are_provided() {
        let [a, b, x, y] = ['a', 'b', '1', '2'].map(digest);
        let layers_json = serde_json::json!([
            { "diff-digest": x, "compressed-diff-digest": a, "compressed-size": 3 },
            { "diff-digest": y, "compressed-diff-digest": b, "compressed-size": 4 },
            { "id": "without digests" },
        ]);
        let pulled = PulledLayers(serde_json::from_value(layers_json).unwrap());

        assert!(pulled.contains(&layer(&a, &x, 3)));
        for (digest, diff_id, size) in [(&a, &y, 3), (&b, &x, 4), (&a, &x, 4)] {
            assert!(!pulled.contains(&layer(digest, diff_id, size)), "{digest} {diff_id} {size}");
        }
    }
}

//! Brings the layers of the base into the image's repository before the push, so that the push
//! neither compresses nor uploads them, and the image keeps their digests.

use std::{error::Error, fs, io, path::Path};

use slipway_names::reference::Reference;
use slipway_registry::{Layer, LayerSource};
use tokio::time::timeout;

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

        let mut provided = Vec::new();
        // A note has no place for the compression, and buildah assumes gzip.
        for layer in layers.iter().filter(|layer| layer.is_gzip) {
            match self.provide_base_layer(layer, source, target, &folder).await {
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

    async fn provide_base_layer(
        &self,
        layer: &Layer,
        source: &Reference,
        target: &Reference,
        folder: &Path,
    ) -> Result<LayerSource, Box<dyn Error + Send + Sync>> {
        let provide = self.registries.provide_layer(layer, source, target);
        let layer_source = timeout(self.settings.limits.transfer_timeout(), provide).await??;

        write_note(folder, layer)?;
        Ok(layer_source)
    }
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

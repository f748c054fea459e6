//! Brings layers into another repository without a change.

use futures_util::{StreamExt as _, stream};
use oci_client::{
    RegistryOperation, errors::OciDistributionError, manifest::OciDescriptor, secrets::RegistryAuth,
};
use slipway_names::reference::Reference;

use crate::{
    artifact::Layer,
    client::{Registries, RegistryError, classify, parse_oci_reference},
};

/// How a layer came into a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerSource {
    /// The repository already had it.
    Present,
    /// From another repository of the same registry, without a transfer.
    Mounted,
    /// Transferred.
    Copied,
}

impl Registries {
    /// Brings a layer of the image `from` into the repository of `to`, with the same digest.
    ///
    /// # Errors
    /// [`RegistryError`] of either registry.
    pub async fn provide_layer(
        &self,
        layer: &Layer,
        from: &Reference,
        to: &Reference,
    ) -> Result<LayerSource, RegistryError> {
        let name = to.to_string();
        let source = parse_oci_reference(&from.to_string())?;
        let target = parse_oci_reference(&name)?;
        let digest = layer.digest.as_str();
        let failure = |error| classify(&name, error);

        self.client
            .auth(&target, &RegistryAuth::Anonymous, RegistryOperation::Push)
            .await
            .map_err(failure)?;
        if self.client.blob_exists(&target, digest).await.map_err(failure)? {
            return Ok(LayerSource::Present);
        }
        if from.registry() == to.registry()
            && self.client.mount_blob(&target, &source, digest).await.is_ok()
            && self.client.blob_exists(&target, digest).await.map_err(failure)?
        {
            return Ok(LayerSource::Mounted);
        }

        // A registry does not say why it refuses to mount a layer; the copy shows the cause.
        let size = layer.size.into();
        let descriptor = OciDescriptor { digest: digest.to_owned(), ..OciDescriptor::default() };
        let blob = self
            .client
            .pull_blob_stream(&source, &descriptor)
            .await
            .map_err(|error| classify(&from.to_string(), error))?;
        let bounded =
            stream::unfold((blob.stream, 0_u64), move |(mut chunks, length)| async move {
                let chunk = chunks.next().await?;
                let length = length + chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                let item = if length > size { Err(too_long()) } else { chunk.map_err(Into::into) };
                Some((item, (chunks, length)))
            });
        self.client
            .push_blob_stream(&target, bounded, digest, Some(size))
            .await
            .map_err(failure)?;
        Ok(LayerSource::Copied)
    }
}

/// A registry may send more bytes than the manifest declares.
fn too_long() -> OciDistributionError {
    OciDistributionError::GenericError(Some("the layer is longer than its manifest says".into()))
}

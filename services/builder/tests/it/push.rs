//! The layers of a pushed image.

use serde_json::Value;
use slipway_builder::{domain::build::Build, executor::buildah::PackageSources};
use tokio::process::Command;

use crate::{
    buildah::{BuildahFixture, pushed_image},
    executor::{MemoryLog, build, succeed},
};

const INSTRUCTIONS: &str = "RUN echo first >/first\nRUN echo second >/second\n";

/// The digests of the layers of an image.
async fn layers(image: &str) -> Vec<String> {
    let output = Command::new("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", image])
        .output()
        .await
        .unwrap();
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();

    let layers = manifest["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

/// Runs a build. Checks that its image begins with the layers of the base, and that the log tells
/// how they came into the repository.
async fn check_push(fixture: &BuildahFixture, build: &Build, want_in_log: &str) {
    let log = MemoryLog::default();
    let pushed = succeed(&fixture.executor, build, &log).await;

    let base_layers = layers(&format!("docker://{}", build.request.spec.base_reference)).await;
    let image_layers = layers(&pushed_image(build, &pushed)).await;
    assert_eq!(image_layers[..base_layers.len()], base_layers);
    assert_eq!(image_layers.len(), base_layers.len() + 1, "one layer for apt");

    let want = format!("layers of the base: {} in all, {want_in_log}", base_layers.len());
    assert!(log.text().contains(&want), "{want}\n{}", log.text());
}

#[tokio::test]
async fn layers_of_a_base_in_the_same_registry_are_mounted() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };
    let base = fixture.derived_base("mounted-layers", INSTRUCTIONS);
    let first = build(&fixture.registry, &base, &["jq"], &[]);
    let mut second = build(&fixture.registry, &base, &["jq"], &[]);
    second.request.repository.clone_from(&first.request.repository);
    second.request.revision += 1;

    check_push(&fixture, &first, "0 present, 2 mounted, 0 copied, 0 to be uploaded").await;
    check_push(&fixture, &second, "2 present, 0 mounted, 0 copied, 0 to be uploaded").await;

    fixture.remove().await;
}

#[tokio::test]
async fn layers_of_a_base_in_another_registry_are_copied() {
    let Some(fixture) = BuildahFixture::new(PackageSources::default()).await else { return };
    let base =
        fixture.derived_base("copied-layers", INSTRUCTIONS).replace("127.0.0.1", "localhost");
    let build = build(&fixture.registry, &base, &["jq"], &[]);

    check_push(&fixture, &build, "0 present, 0 mounted, 2 copied, 0 to be uploaded").await;

    fixture.remove().await;
}

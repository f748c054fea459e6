//! `ResolveImage`: pinned revisions, the references of CPU and GPU nodes, and refusals.

use slipway_testrig::{base_image, call::reason, user::UnprivilegedUser};
use slipway_wire::catalog::v1::{
    Accelerator, CreateImageRequest, CreateImageResponse, CreateRevisionRequest,
    CreateRevisionResponse, ExistingSource, ImageType, ResolveImageRequest, Revision,
    create_image_request::Source as ImageSource, create_revision_request::Source as RevisionSource,
};
use tonic::Code;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::fixture::{Fixture, build_id, create_image_request, existing_source, shared};

/// Pushes an image with another digest than the base. Returns its reference.
fn push_other_image(fixture: &Fixture, name: &str) -> String {
    let user = UnprivilegedUser::find().unwrap();
    let instructions = format!("LABEL test={name}\n");

    base_image::ensure_derived_base(&user, &fixture.registry, name, &instructions).unwrap()
}

fn digest(revision: &Revision) -> String {
    revision.artifact.as_ref().unwrap().digest.clone()
}

fn resolve_request(
    image: &str,
    accelerator: Accelerator,
    consistency_token: &str,
) -> ResolveImageRequest {
    ResolveImageRequest {
        image: image.to_owned(),
        accelerator: accelerator.into(),
        consistency_token: consistency_token.to_owned(),
        ..ResolveImageRequest::default()
    }
}

async fn create_revision(
    fixture: &Fixture,
    image: &str,
    reference: &str,
    consistency_token: String,
) -> CreateRevisionResponse {
    let request = CreateRevisionRequest {
        request_id: Uuid::now_v7().to_string(),
        image: image.to_owned(),
        source: Some(RevisionSource::Existing(existing_source(reference))),
        consistency_token,
    };

    let request = fixture.request("admin", request);
    fixture.images().create_revision(request).await.unwrap().into_inner()
}

/// Creates an image of a type with references for CPU nodes and GPU nodes; the latter may be empty.
async fn create_of_type(
    fixture: &Fixture,
    name: &str,
    image_type: ImageType,
    gpu_reference: &str,
) -> CreateImageResponse {
    let source = ExistingSource {
        gpu_reference: gpu_reference.to_owned(),
        ..existing_source(&fixture.base)
    };
    let image = create_image_request("system", name, ImageSource::Existing(source));

    fixture.create(CreateImageRequest { r#type: image_type.into(), ..image }).await
}

#[tokio::test]
async fn pinned_revision_keeps_its_digest() {
    let Some(fixture) = shared().await else { return };
    let other = push_other_image(&fixture, "pinned");
    let one = fixture.create(fixture.existing_image("system", "pinned")).await;
    let two = create_revision(&fixture, "system/pinned", &other, one.consistency_token).await;
    let three =
        create_revision(&fixture, "system/pinned", &fixture.base, two.consistency_token).await;

    let two = two.revision.unwrap();
    let token = three.consistency_token;
    let base_digest = digest(&one.revision.unwrap());
    let other_digest = digest(&two);
    assert_ne!(base_digest, other_digest);
    assert_eq!((two.number, three.revision.unwrap().number), (2, 3));

    let pinned = |revision| ResolveImageRequest {
        revision,
        ..resolve_request("system/pinned", Accelerator::Cpu, &token)
    };
    for (requested, number, digest, repository) in [
        (0, 3, &base_digest, "base/debian"),
        (1, 1, &base_digest, "base/debian"),
        (2, 2, &other_digest, "test/pinned"),
        (3, 3, &base_digest, "base/debian"),
    ] {
        let resolved = fixture.resolve("admin", pinned(requested)).await.unwrap();
        assert_eq!((resolved.revision, &resolved.digest), (number, digest), "{requested}");
        assert_eq!(resolved.reference, format!("{}/{repository}@{digest}", fixture.registry));
    }

    for (requested, want) in [(4, "REVISION_NOT_FOUND"), (-1, "FIELD_INVALID")] {
        let status = fixture.resolve("admin", pinned(requested)).await.unwrap_err();
        assert_eq!(reason(&status), want);
    }
}

#[tokio::test]
async fn universal_image_resolves_to_the_reference_of_the_node() {
    let Some(fixture) = shared().await else { return };
    let gpu_reference = push_other_image(&fixture, "gpu-side");
    let created = create_of_type(&fixture, "both", ImageType::Universal, &gpu_reference).await;
    let revision = created.revision.unwrap();
    let cpu_digest = digest(&revision);
    let gpu_digest = revision.gpu_artifact.unwrap().digest;
    assert_ne!(cpu_digest, gpu_digest);
    let plain = fixture.create(fixture.existing_image("system", "plain")).await;

    let cpu_reference = format!("base/debian@{cpu_digest}");
    let gpu_reference = format!("test/gpu-side@{gpu_digest}");
    for (name, accelerator, reference, note) in [
        ("system/both", Accelerator::Cpu, &cpu_reference, "revision 1, the CPU reference"),
        (
            "system/both",
            Accelerator::Gpu,
            &gpu_reference,
            "revision 1, the reference of a universal image for GPU nodes",
        ),
        ("system/plain", Accelerator::Cpu, &cpu_reference, "revision 1, the CPU reference"),
        (
            "system/plain",
            Accelerator::Gpu,
            &cpu_reference,
            "revision 1, a CPU image on a GPU node: it will not use the GPU",
        ),
    ] {
        let request = resolve_request(name, accelerator, &plain.consistency_token);
        let resolved = fixture.resolve("admin", request).await.unwrap();

        let want = format!("{}/{reference}", fixture.registry);
        assert_eq!(resolved.reference, want, "{name} {accelerator:?}");
        assert_eq!((&resolved.registry, resolved.note.as_str()), (&fixture.registry, note));
    }
}

#[tokio::test]
async fn resolve_of_an_unfinished_image_names_its_build() {
    let Some(fixture) = shared().await else { return };
    // The build fails, so the image is not ready however long the test takes.
    let request = fixture.custom_image("system", "waiting", &["no-such-package"]);
    let created = fixture.create(request).await;
    let build = build_id(&created.image.unwrap());

    for revision in [0, 1] {
        let request = ResolveImageRequest {
            revision,
            ..resolve_request("system/waiting", Accelerator::Cpu, &created.consistency_token)
        };
        let status = fixture.resolve("admin", request).await.unwrap_err();

        assert_eq!(reason(&status), "NOT_READY");
        assert_eq!(status.code(), Code::FailedPrecondition);
        let details = status.get_error_details();
        let facts = &details.error_info().unwrap().metadata;
        assert_eq!(facts["build"], build);
        assert_eq!(facts["revision"], "1");
        assert_eq!(facts["image"], "system/waiting");
    }
}

//! Who sees what: grants alone decide, absent and forbidden are the same, and the projection heals.

use std::time::{Duration, Instant};

use slipway_testrig::stack::is_whole;
use slipway_wire::catalog::v1::{
    Accelerator, CreateImageRequest, CreateRevisionRequest, GetImageRequest, ImageAccess,
    ListImagesRequest, ResolveImageRequest, RetryRevisionRequest, SetImageAccessRequest,
};
use slipway_wire::permission::v1::RemoveMemberRequest;
use tonic::Code;

use crate::world::{World, full, reason, standalone};

async fn sees(world: &World, subject: &str) -> Vec<String> {
    let response = world
        .images()
        .list_images(world.call(subject, ListImagesRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        usize::try_from(response.total_size).unwrap(),
        response.images.len(),
        "the count tells no more than the list"
    );
    response.images.into_iter().map(|image| image.name).collect()
}

async fn becomes(world: &World, subject: &str, want: &[&str]) {
    let began = Instant::now();
    while sees(world, subject).await != want {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{subject} sees {:?}, not {want:?}",
            sees(world, subject).await
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn resolve(image: &str) -> ResolveImageRequest {
    ResolveImageRequest {
        image: image.to_owned(),
        accelerator: Accelerator::Cpu.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn grants_alone_decide() {
    let Some(world) = standalone().await else { return };
    world.group("vision", "alice").await;
    world.user("mallory").await;
    let access = |global, groups: &[&str]| {
        Some(ImageAccess {
            global,
            groups: groups.iter().map(ToString::to_string).collect(),
            users: Vec::new(),
        })
    };
    world
        .create(CreateImageRequest {
            access: access(false, &["vision"]),
            ..world.existing("vision", "shared")
        })
        .await;
    world
        .create(CreateImageRequest {
            access: access(true, &[]),
            ..world.existing("system", "open")
        })
        .await;
    let kept = world.create(world.existing("vision", "kept")).await.image.unwrap();

    becomes(&world, "alice", &["system/open", "vision/shared"]).await;
    becomes(&world, "mallory", &["system/open"]).await;
    becomes(&world, "admin", &["system/open", "vision/kept", "vision/shared"]).await;

    let get = async |subject: &str, image: &str| {
        let request = GetImageRequest { image: image.to_owned(), consistency_token: String::new() };
        world
            .images()
            .get_image(world.call(subject, request))
            .await
            .map(|response| response.into_inner().image.unwrap())
    };
    for image in ["vision/shared", &kept.id] {
        let forbidden = get("mallory", image).await.unwrap_err();
        assert_eq!(
            (forbidden.code(), reason(&forbidden).as_str()),
            (Code::NotFound, "IMAGE_NOT_FOUND")
        );
        let absent = get("mallory", &image.replace("shared", "absent")).await.unwrap_err();
        assert_eq!(
            forbidden.message().replace("shared", "absent"),
            absent.message(),
            "absent and forbidden are told the same"
        );
    }
    let status = world
        .images()
        .resolve_image(world.call("mallory", resolve("vision/shared")))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "IMAGE_NOT_FOUND");
    let resolved = world
        .images()
        .resolve_image(world.call("alice", resolve("vision/shared")))
        .await
        .unwrap()
        .into_inner();
    assert!(
        resolved.reference.starts_with(&format!("{}/base/debian@sha256:", world.registry)),
        "{}",
        resolved.reference
    );

    let share = async |subject: &str, etag: &str| {
        let request = SetImageAccessRequest {
            image: "vision/shared".to_owned(),
            access: access(true, &[]),
            etag: etag.to_owned(),
            consistency_token: String::new(),
        };
        world.images().set_image_access(world.call(subject, request)).await
    };
    assert_eq!(reason(&share("alice", "").await.unwrap_err()), "ROLE_MISSING");
    assert_eq!(reason(&share("mallory", "").await.unwrap_err()), "IMAGE_NOT_FOUND");
    assert_eq!(reason(&share("admin", "7").await.unwrap_err()), "ETAG_MISMATCH");
    let shared = share("admin", "1").await.unwrap().into_inner();
    let request =
        ListImagesRequest { consistency_token: shared.consistency_token, ..Default::default() };
    let now =
        world.images().list_images(world.call("mallory", request)).await.unwrap().into_inner();
    assert_eq!(now.images.len(), 2, "a read with the token sees the write");

    let user_id = world.user("alice").await;
    world
        .groups()
        .remove_member(
            world.call("admin", RemoveMemberRequest { group: "vision".to_owned(), user_id }),
        )
        .await
        .unwrap();
    becomes(&world, "alice", &["system/open", "vision/shared"]).await;
}

#[tokio::test]
async fn a_universal_image_has_two_references() {
    use slipway_wire::catalog::v1::{ExistingSource, ImageType, create_image_request::Source};
    let Some(world) = standalone().await else { return };
    let source = Source::Existing(ExistingSource {
        reference: world.base.clone(),
        gpu_reference: world.base.clone(),
        ..Default::default()
    });
    world
        .create(CreateImageRequest {
            r#type: ImageType::Universal.into(),
            ..crate::world::image("system", "both", source)
        })
        .await;
    let source =
        Source::Existing(ExistingSource { reference: world.base.clone(), ..Default::default() });
    world
        .create(CreateImageRequest {
            r#type: ImageType::Gpu.into(),
            ..crate::world::image("system", "gpu", source)
        })
        .await;
    becomes(&world, "admin", &["system/both", "system/gpu"]).await;
    let choose = async |image: &str, accelerator: Accelerator, platform: &str| {
        let request = ResolveImageRequest {
            accelerator: accelerator.into(),
            platform: platform.to_owned(),
            ..resolve(image)
        };
        world
            .images()
            .resolve_image(world.call("admin", request))
            .await
            .map(|response| response.into_inner().note)
            .map_err(|status| reason(&status))
    };
    assert_eq!(
        choose("system/both", Accelerator::Gpu, "").await.unwrap(),
        "revision 1, the GPU reference of a universal image"
    );
    assert_eq!(
        choose("system/both", Accelerator::Cpu, "linux/amd64").await.unwrap(),
        "revision 1, the CPU reference"
    );
    assert_eq!(
        choose("system/gpu", Accelerator::Cpu, "").await.unwrap_err(),
        "ACCELERATOR_MISMATCH"
    );
    assert_eq!(
        choose("system/both", Accelerator::Cpu, "linux/arm64").await.unwrap_err(),
        "PLATFORM_MISMATCH"
    );
}

#[tokio::test]
async fn the_projection_heals_by_itself() {
    let Some(world) = full().await else { return };
    world.group("vision", "alice").await;
    let access = Some(ImageAccess { groups: vec!["vision".to_owned()], ..Default::default() });
    world.create(CreateImageRequest { access, ..world.existing("vision", "shared") }).await;
    becomes(&world, "alice", &["vision/shared"]).await;
    // As if changes had been dropped on the way: the rows are gone, and the revision is behind.
    world.execute("catalog", "delete from access_grant; delete from access_member; update access_state set revision = revision - 1").await;
    assert_eq!(sees(&world, "alice").await, Vec::<String>::new());
    becomes(&world, "alice", &["vision/shared"]).await;
}

#[tokio::test]
async fn reads_go_on_while_permission_is_away() {
    let Some(mut world) = full().await else { return };
    world.group("vision", "alice").await;
    let access = Some(ImageAccess { groups: vec!["vision".to_owned()], ..Default::default() });
    world.create(CreateImageRequest { access, ..world.existing("vision", "shared") }).await;
    becomes(&world, "alice", &["vision/shared"]).await;
    world.stack.service("permission").kill();

    assert_eq!(sees(&world, "alice").await, ["vision/shared"]);
    world.images().resolve_image(world.call("alice", resolve("vision/shared"))).await.unwrap();
    let rows = async || {
        let images = "select qualified_name || ' ' || state || ' ' || access || ' ' || coalesce(wanted_access, '') as row from image order by 1";
        (
            world.rows("catalog", images).await,
            world.rows("catalog", "select cast(count(*) as text) as row from revision").await,
        )
    };
    let before = rows().await;
    let image = || "vision/shared".to_owned();
    let source = slipway_wire::catalog::v1::create_revision_request::Source::Existing(
        slipway_wire::catalog::v1::ExistingSource {
            reference: world.base.clone(),
            ..Default::default()
        },
    );
    let mut images = world.images();
    let refused = [
        images
            .create_image(world.call("admin", world.existing("vision", "late")))
            .await
            .map(|_| ()),
        images
            .set_image_access(
                world.call("admin", SetImageAccessRequest { image: image(), ..Default::default() }),
            )
            .await
            .map(|_| ()),
        images
            .create_revision(world.call(
                "admin",
                CreateRevisionRequest {
                    image: image(),
                    source: Some(source),
                    ..Default::default()
                },
            ))
            .await
            .map(|_| ()),
        images
            .retry_revision(
                world.call("admin", RetryRevisionRequest { image: image(), ..Default::default() }),
            )
            .await
            .map(|_| ()),
    ];
    for status in refused.map(Result::unwrap_err) {
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unavailable, "PERMISSION_UNAVAILABLE"),
            "{status:?}"
        );
        assert!(
            tonic_types::StatusExt::get_error_details(&status).retry_info().is_some(),
            "{status:?}"
        );
    }
    assert_eq!(rows().await, before, "a refused write changes nothing");
    let began = Instant::now();
    while world.stack.readiness("catalog").is_some_and(|answer| is_whole(&answer)) {
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "readiness does not tell that permission is away"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let answer = world.stack.readiness("catalog").unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"database\":\"ok\""),
        "reads go on, so it stays ready: {answer}"
    );

    world.stack.restart("permission").unwrap();
    world.stack.wait().unwrap();
    world.create(world.existing("vision", "later")).await;
}

//! The catalog as its callers see it: pinned revisions, two references, who may create and who is told what, refusals by their reasons.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use slipway_testrig::{
    base, env,
    stack::{Place, Stack},
    user::Ordinary,
};
use slipway_wire::{
    builder::v1::{
        BuildSpec, CancelBuildRequest, GetBuildRequest, build_service_client::BuildServiceClient,
    },
    catalog::v1::{
        Accelerator, CreateImageRequest, CreateRevisionRequest, CreateRevisionResponse,
        CustomSource, ExistingSource, GetImageRequest, Image, ImageAccess, ImageState, ImageType,
        ListImagesRequest, ListRevisionsRequest, ResolveImageRequest, ResolveImageResponse,
        RetryRevisionRequest, Revision, SetImageAccessRequest, create_image_request,
        create_revision_request, image_service_client::ImageServiceClient,
    },
    permission::v1::{AddMemberRequest, GetGroupRequest},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::world::{World, ended, image, reason, standalone, with_token};

/// The base made into another image, so that it has another digest.
fn another(world: &World, name: &str) -> String {
    base::derived(
        &Ordinary::find().unwrap(),
        &world.registry,
        name,
        &format!("LABEL test={name}\n"),
    )
    .unwrap()
}

fn pointing(reference: &str) -> ExistingSource {
    ExistingSource { reference: reference.to_owned(), ..ExistingSource::default() }
}

fn revise(image: &str, reference: &str) -> CreateRevisionRequest {
    CreateRevisionRequest {
        request_id: Uuid::now_v7().to_string(),
        image: image.to_owned(),
        source: Some(create_revision_request::Source::Existing(pointing(reference))),
        ..CreateRevisionRequest::default()
    }
}

fn digest(revision: &Revision) -> String {
    revision.artifact.as_ref().unwrap().digest.clone()
}

/// The fields that a refusal names.
fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let bad = details
        .bad_request()
        .into_iter()
        .flat_map(|bad| &bad.field_violations)
        .map(|violation| violation.field.clone());
    let failed = details
        .precondition_failure()
        .into_iter()
        .flat_map(|failure| &failure.violations)
        .map(|violation| violation.subject.clone());
    bad.chain(failed).collect()
}

impl World {
    async fn resolve(&self, request: ResolveImageRequest) -> Result<ResolveImageResponse, Status> {
        self.images()
            .resolve_image(self.call("admin", request))
            .await
            .map(tonic::Response::into_inner)
    }

    async fn revise(
        &self,
        request: CreateRevisionRequest,
    ) -> Result<CreateRevisionResponse, Status> {
        self.images()
            .create_revision(self.call("admin", request))
            .await
            .map(tonic::Response::into_inner)
    }

    async fn get(&self, subject: &str, image: &str, token: &str) -> Result<Image, Status> {
        let request =
            GetImageRequest { image: image.to_owned(), consistency_token: token.to_owned() };
        self.images()
            .get_image(self.call(subject, request))
            .await
            .map(|response| response.into_inner().image.unwrap())
    }

    async fn try_create(
        &self,
        subject: &str,
        request: CreateImageRequest,
    ) -> Result<Image, Status> {
        self.images()
            .create_image(self.call(subject, request))
            .await
            .map(|response| response.into_inner().image.unwrap())
    }
}

#[tokio::test]
async fn pinned_revisions_keep_their_digests() {
    let Some(world) = standalone().await else { return };
    let other = another(&world, "pinned");
    let created = world.create(world.existing("system", "pinned")).await;
    let first = digest(created.revision.as_ref().unwrap());

    let request = CreateRevisionRequest {
        consistency_token: created.consistency_token,
        ..revise("system/pinned", &other)
    };
    let two = world.revise(request).await.unwrap();
    let request = CreateRevisionRequest {
        consistency_token: two.consistency_token.clone(),
        ..revise("system/pinned", &world.base)
    };
    let three = world.revise(request).await.unwrap();
    let second = digest(two.revision.as_ref().unwrap());
    assert_ne!(first, second);
    assert_eq!((two.revision.unwrap().number, three.revision.unwrap().number), (2, 3));

    let resolve = |revision| ResolveImageRequest {
        image: "system/pinned".to_owned(),
        accelerator: Accelerator::Cpu.into(),
        revision,
        consistency_token: three.consistency_token.clone(),
        ..ResolveImageRequest::default()
    };
    for (asked, number, digest, repository) in [
        (0, 3, &first, "base/debian"),
        (1, 1, &first, "base/debian"),
        (2, 2, &second, "test/pinned"),
        (3, 3, &first, "base/debian"),
    ] {
        let resolved = world.resolve(resolve(asked)).await.unwrap();
        assert_eq!((resolved.revision, &resolved.digest), (number, digest), "revision {asked}");
        assert_eq!(resolved.reference, format!("{}/{repository}@{digest}", world.registry));
    }
    for (asked, want) in [(4, "REVISION_NOT_FOUND"), (-1, "FIELD_INVALID")] {
        assert_eq!(reason(&world.resolve(resolve(asked)).await.unwrap_err()), want);
    }
}

#[tokio::test]
async fn nodes_get_their_own_reference() {
    let Some(world) = standalone().await else { return };
    let gpu = another(&world, "gpu-side");
    let source = ExistingSource { gpu_reference: gpu, ..pointing(&world.base) };
    let universal = CreateImageRequest {
        r#type: ImageType::Universal.into(),
        ..image("system", "both", create_image_request::Source::Existing(source))
    };
    let revision = world.create(universal).await.revision.unwrap();
    let (cpu_digest, gpu_digest) = (digest(&revision), revision.gpu_artifact.unwrap().digest);
    assert_ne!(cpu_digest, gpu_digest);
    let plain = world.create(world.existing("system", "plain")).await;

    let cases = [
        (
            "system/both",
            Accelerator::Cpu,
            format!("base/debian@{cpu_digest}"),
            "revision 1, the CPU reference",
        ),
        (
            "system/both",
            Accelerator::Gpu,
            format!("test/gpu-side@{gpu_digest}"),
            "revision 1, the GPU reference of a universal image",
        ),
        (
            "system/plain",
            Accelerator::Cpu,
            format!("base/debian@{cpu_digest}"),
            "revision 1, the CPU reference",
        ),
        (
            "system/plain",
            Accelerator::Gpu,
            format!("base/debian@{cpu_digest}"),
            "revision 1, a CPU image on a GPU node: it will not use the GPU",
        ),
    ];
    for (name, accelerator, reference, note) in cases {
        let request = ResolveImageRequest {
            image: name.to_owned(),
            accelerator: accelerator.into(),
            consistency_token: plain.consistency_token.clone(),
            ..ResolveImageRequest::default()
        };
        let resolved = world.resolve(request).await.unwrap();
        assert_eq!(
            resolved.reference,
            format!("{}/{reference}", world.registry),
            "{name} {accelerator:?}"
        );
        assert_eq!((resolved.registry, resolved.note.as_str()), (world.registry.clone(), note));
    }
}

#[tokio::test]
async fn refusals_name_reason_and_field() {
    let Some(world) = standalone().await else { return };
    let created = world.create(world.existing("system", "taken")).await;
    let source = ExistingSource { pull_secret: "mine".to_owned(), ..pointing(&world.base) };
    let existing = create_image_request::Source::Existing(source);
    let spec = BuildSpec {
        base_reference: world.base.clone(),
        apt: vec!["jq".to_owned()],
        ..BuildSpec::default()
    };
    let custom = CustomSource { spec: Some(spec.clone()), pull_secret: "mine".to_owned() };
    let sharing =
        |access| CreateImageRequest { access: Some(access), ..world.existing("system", "x") };
    let numbered =
        |count: usize| (0..count).map(|number| format!("group-{number}")).collect::<Vec<_>>();
    let users = |count: usize| (0..count).map(|_| Uuid::now_v7().to_string()).collect::<Vec<_>>();

    let cases: Vec<(&str, &str, CreateImageRequest)> = vec![
        ("PULL_SECRET_NOT_YET_SUPPORTED", "existing.pull_secret", image("system", "x", existing)),
        (
            "PULL_SECRET_NOT_YET_SUPPORTED",
            "custom.pull_secret",
            image("system", "x", create_image_request::Source::Custom(custom.clone())),
        ),
        (
            "FIELD_INVALID",
            "access.groups",
            sharing(ImageAccess { groups: numbered(101), ..ImageAccess::default() }),
        ),
        (
            "FIELD_INVALID",
            "access.users",
            sharing(ImageAccess { users: users(101), ..ImageAccess::default() }),
        ),
        (
            "FIELD_INVALID",
            "access.users[0]",
            sharing(ImageAccess { users: vec!["alice".to_owned()], ..ImageAccess::default() }),
        ),
        (
            "GROUP_NOT_FOUND",
            "access.groups[0]",
            sharing(ImageAccess { groups: numbered(1), ..ImageAccess::default() }),
        ),
        ("USER_NOT_FOUND", "", sharing(ImageAccess { users: users(1), ..ImageAccess::default() })),
    ];
    for (want, field, request) in cases {
        let status = world.try_create("admin", request).await.expect_err(want);
        assert_eq!(reason(&status), want, "{status:?}");
        assert!(
            field.is_empty() || fields(&status).iter().any(|named| named == field),
            "{want}: {:?} lacks {field}",
            fields(&status)
        );
    }

    let custom = CustomSource { pull_secret: String::new(), ..custom };
    let request = CreateRevisionRequest {
        image: "system/taken".to_owned(),
        source: Some(create_revision_request::Source::Custom(custom)),
        consistency_token: created.consistency_token,
        ..CreateRevisionRequest::default()
    };
    let status = world.revise(request).await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), status.code()),
        ("SOURCE_KIND_FIXED", Code::FailedPrecondition)
    );

    let request =
        ListImagesRequest { owner: "sys\0tem".to_owned(), ..ListImagesRequest::default() };
    let status = world.images().list_images(world.call("admin", request)).await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), fields(&status)),
        ("FIELD_INVALID", vec!["owner".to_owned()])
    );
    let began = Instant::now();
    let status = world.get("admin", "system/taken", "1000000").await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), fields(&status)),
        ("FIELD_INVALID", vec!["consistency_token".to_owned()])
    );
    assert!(began.elapsed() < Duration::from_secs(3), "nobody waits for what was never written");

    let lines = BuildSpec { apt: vec!["jq; rm".to_owned(); 1_000], ..spec };
    let source = create_image_request::Source::Custom(CustomSource {
        spec: Some(lines),
        pull_secret: String::new(),
    });
    let status = world.try_create("admin", image("system", "x", source)).await.unwrap_err();
    assert_eq!(reason(&status), "PACKAGE_LINE_REFUSED", "it fits into the headers: {status:?}");
    let details = status.get_error_details();
    let named = &details.bad_request().unwrap().field_violations;
    assert_eq!(
        named.last().unwrap().description,
        format!("and {} more", 1_000 - (named.len() - 1))
    );

    let left = world
        .images()
        .list_images(world.call("admin", ListImagesRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(left.images.len(), 1, "nothing of the refused ones is left");
}

#[tokio::test]
async fn what_is_not_ready_names_its_build() {
    let Some(world) = standalone().await else { return };
    // It never gets ready, however long the test takes.
    let created = world.create(world.custom("system", "waiting", &["no-such-package"])).await;
    let build = created.image.unwrap().latest_build.unwrap().build_id;
    for revision in [0, 1] {
        let request = ResolveImageRequest {
            image: "system/waiting".to_owned(),
            accelerator: Accelerator::Cpu.into(),
            revision,
            consistency_token: created.consistency_token.clone(),
            ..ResolveImageRequest::default()
        };
        let status = world.resolve(request).await.unwrap_err();
        assert_eq!(
            (reason(&status).as_str(), status.code()),
            ("NOT_READY", Code::FailedPrecondition)
        );
        let details = status.get_error_details();
        let facts = &details.error_info().unwrap().metadata;
        assert_eq!(
            (facts["build"].as_str(), facts["revision"].as_str(), facts["image"].as_str()),
            (build.as_str(), "1", "system/waiting")
        );
    }
}

#[tokio::test]
async fn access_is_told_to_managers_only() {
    let Some(world) = standalone().await else { return };
    world.group("vision", "bob").await;
    let (alice, _) = (world.user("alice").await, world.user("mallory").await);
    let request = GetGroupRequest { group: "vision".to_owned() };
    let vision = world
        .groups()
        .get_group(world.call("admin", request))
        .await
        .unwrap()
        .into_inner()
        .group
        .unwrap()
        .id;
    let access = ImageAccess {
        global: false,
        groups: vec!["vision".to_owned(), vision],
        users: vec![alice.clone(), alice.clone()],
    };
    let created = world
        .create(CreateImageRequest { access: Some(access), ..world.existing("system", "shared") })
        .await;
    let token = created.consistency_token;

    let whole =
        ImageAccess { global: false, groups: vec!["vision".to_owned()], users: vec![alice] };
    assert_eq!(
        created.image.unwrap().access,
        Some(whole.clone()),
        "each once, groups by their names"
    );
    for (subject, want) in
        [("alice", ImageAccess::default()), ("bob", ImageAccess::default()), ("admin", whole)]
    {
        assert_eq!(
            world.get(subject, "system/shared", &token).await.unwrap().access,
            Some(want.clone()),
            "{subject}"
        );
        let listed = world
            .images()
            .list_images(world.call(subject, ListImagesRequest::default()))
            .await
            .unwrap()
            .into_inner()
            .images;
        assert_eq!((listed.len(), listed[0].access.clone()), (1, Some(want)), "{subject}");
    }
    let status = world.get("mallory", "system/shared", &token).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "IMAGE_NOT_FOUND"));

    // What permission refuses locks nothing.
    let share = async |access: ImageAccess, etag: &str| {
        let request = SetImageAccessRequest {
            image: "system/shared".to_owned(),
            access: Some(access),
            etag: etag.to_owned(),
            consistency_token: token.clone(),
        };
        world
            .images()
            .set_image_access(world.call("admin", request))
            .await
            .map(tonic::Response::into_inner)
    };
    let nobody = ImageAccess { users: vec![Uuid::now_v7().to_string()], ..ImageAccess::default() };
    assert_eq!(reason(&share(nobody, "1").await.unwrap_err()), "USER_NOT_FOUND");
    let everyone = ImageAccess { global: true, ..ImageAccess::default() };
    let shared = share(everyone.clone(), "1").await.unwrap();
    assert_eq!(shared.image.unwrap().access, Some(everyone.clone()));
    let seen = world.get("mallory", "system/shared", &shared.consistency_token).await.unwrap();
    assert_eq!(seen.access, Some(everyone));
}

#[tokio::test]
async fn group_admins_create_for_their_group() {
    let Some(world) = standalone().await else { return };
    world.group("vision", "member").await;
    world.group("audio", "stranger").await;
    let user_id = world.user("boss").await;
    let request = AddMemberRequest { group: "vision".to_owned(), user_id, admin: true };
    world.groups().add_member(world.call("admin", request)).await.unwrap();

    let create = async |subject: &str, name: &str| {
        world.try_create(subject, world.existing("vision", name)).await
    };
    let made = create("boss", "by-boss").await.unwrap();
    assert_eq!((made.name.as_str(), made.owner.as_str()), ("vision/by-boss", "vision"));
    for (subject, code, want) in [
        ("member", Code::PermissionDenied, "ROLE_MISSING"),
        ("stranger", Code::NotFound, "GROUP_NOT_FOUND"),
    ] {
        let status = create(subject, "denied").await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, want), "{subject}");
    }
    let status = world.try_create("boss", world.existing("system", "denied")).await.unwrap_err();
    assert_eq!(reason(&status), "ROLE_MISSING", "the platform is not a group's");

    // A group that the caller does not see is refused like one that is not there.
    let share = async |group: &str| {
        let access = ImageAccess {
            groups: vec!["vision".to_owned(), group.to_owned()],
            ..ImageAccess::default()
        };
        world
            .try_create(
                "boss",
                CreateImageRequest { access: Some(access), ..world.existing("vision", "shared") },
            )
            .await
    };
    let (foreign, absent) =
        (share("audio").await.unwrap_err(), share("nothing").await.unwrap_err());
    for status in [&foreign, &absent] {
        assert_eq!(
            (reason(status).as_str(), fields(status)),
            ("GROUP_NOT_FOUND", vec!["access.groups[1]".to_owned()])
        );
    }
    assert_eq!(foreign.message().replace("audio", "nothing"), absent.message());
    share("vision").await.unwrap();
}

#[tokio::test]
async fn the_same_revision_request_twice_is_one_revision() {
    let Some(world) = standalone().await else { return };
    let token = world.create(world.existing("system", "once")).await.consistency_token;
    let request =
        CreateRevisionRequest { consistency_token: token, ..revise("system/once", &world.base) };
    let first = world.revise(request.clone()).await.unwrap().revision.unwrap();
    let again = CreateRevisionRequest { consistency_token: String::new(), ..request.clone() };
    assert_eq!(
        world.revise(again).await.unwrap().revision,
        Some(first),
        "the token is not part of what is asked for"
    );
    let source = ExistingSource { skip_verification: true, ..pointing(&world.base) };
    let other = CreateRevisionRequest {
        source: Some(create_revision_request::Source::Existing(source)),
        ..request
    };
    assert_eq!(reason(&world.revise(other).await.unwrap_err()), "REQUEST_ID_REUSED");
    let list =
        ListRevisionsRequest { image: "system/once".to_owned(), ..ListRevisionsRequest::default() };
    let revisions = world
        .images()
        .list_revisions(world.call("admin", list))
        .await
        .unwrap()
        .into_inner()
        .revisions;
    assert_eq!(revisions.iter().map(|revision| revision.number).collect::<Vec<_>>(), [2, 1]);

    let created = world.create(world.custom("system", "retried", &["jq"])).await;
    let build = created.image.unwrap().latest_build.unwrap().build_id;
    let request = CancelBuildRequest { build_id: build.clone() };
    world.wait_for_build(&build, Duration::from_secs(30), |_| true).await;
    world.builds().cancel_build(world.call("admin", request)).await.unwrap();
    let began = Instant::now();
    while world.get("admin", "system/retried", &created.consistency_token).await.unwrap().state()
        != ImageState::Cancelled
    {
        assert!(began.elapsed() < Duration::from_secs(30), "the cancel does not reach the catalog");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let request = RetryRevisionRequest {
        request_id: Uuid::now_v7().to_string(),
        image: "system/retried".to_owned(),
        consistency_token: created.consistency_token,
        ..RetryRevisionRequest::default()
    };
    let mut retried = Vec::new();
    for _ in 0..2 {
        let response = world
            .images()
            .retry_revision(world.call("admin", request.clone()))
            .await
            .unwrap()
            .into_inner();
        assert!(!response.consistency_token.is_empty());
        let revision = response.revision.unwrap();
        retried.push((revision.number, revision.build_id));
    }
    assert_eq!((retried[0].0, &retried[0]), (2, &retried[1]));
}

/// `host:port` of a registry that denies everything.
async fn denying_registry() -> String {
    const BODY: &str =
        r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut request, mut part) = (Vec::new(), [0; 4_096]);
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut part).await {
                        Ok(0) | Err(_) => return,
                        Ok(length) => request.extend_from_slice(&part[..length]),
                    }
                }
                let head = format!(
                    "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
                    BODY.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_denied_base_is_told_as_denied() {
    if env::server(env::REGISTRY).is_none() {
        return;
    }
    // Only a stack's own registry is spoken to without TLS: this one has the denying registry for its own.
    let registry = denying_registry().await;
    let user = Ordinary::find().unwrap();
    let folder = TempDir::new_in(user.folder("e2e").unwrap()).unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let bin = PathBuf::from(std::env::var("SLIPWAY_TEST_BIN").unwrap());
    let records = folder.path().join("run");
    let stack = Stack::standalone(Place {
        user,
        bin,
        data,
        records,
        registry: registry.clone(),
        otlp_endpoint: String::new(),
    })
    .unwrap();
    let [_, catalog, builder] = stack
        .environment()
        .map(|(_, address)| Channel::from_shared(address).unwrap().connect_lazy());
    let token = stack.token("admin", &[]).unwrap();
    let (mut images, mut builds) =
        (ImageServiceClient::new(catalog), BuildServiceClient::new(builder));

    let reference = format!("{registry}/some/base:1");
    let source = create_image_request::Source::Existing(pointing(&reference));
    let status = images
        .create_image(with_token(&token, image("system", "denied", source)))
        .await
        .unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), fields(&status)),
        ("REFERENCE_DENIED", vec!["existing.reference".to_owned()])
    );

    let spec =
        BuildSpec { base_reference: reference, apt: vec!["jq".to_owned()], ..BuildSpec::default() };
    let source = create_image_request::Source::Custom(CustomSource {
        spec: Some(spec),
        pull_secret: String::new(),
    });
    let created = images
        .create_image(with_token(&token, image("system", "denied", source)))
        .await
        .unwrap()
        .into_inner();
    let build_id = created.image.unwrap().latest_build.unwrap().build_id;
    let began = Instant::now();
    let build = loop {
        let response = builds
            .get_build(with_token(&token, GetBuildRequest { build_id: build_id.clone() }))
            .await;
        match response.ok().and_then(|response| response.into_inner().build) {
            Some(build) if ended(&build) => break build,
            seen => assert!(
                began.elapsed() < Duration::from_secs(60),
                "the build does not end: {seen:?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let failure = build.failure.unwrap();
    assert_eq!((failure.reason.as_str(), build.attempt), ("BASE_DENIED", 1), "{failure:?}");
}

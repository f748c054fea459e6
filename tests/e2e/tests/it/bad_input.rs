//! Bad input: each a different helpful error, named by its reason and field, and the command line shows the same sentence.

use std::collections::BTreeSet;

use slipway_testrig::stack::said;
use slipway_wire::{
    builder::v1::BuildSpec,
    catalog::v1::{
        CreateImageRequest, CustomSource, ExistingSource, GetImageRequest, ImageType,
        ListImagesRequest, create_image_request::Source,
    },
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::world::{World, image, reason, standalone, with_token};

fn spec(world: &World, edit: impl FnOnce(&mut BuildSpec)) -> CreateImageRequest {
    let mut spec = BuildSpec {
        base_reference: world.base.clone(),
        apt: vec!["jq".to_owned()],
        ..BuildSpec::default()
    };
    edit(&mut spec);
    image(
        "system",
        "x",
        Source::Custom(CustomSource { spec: Some(spec), pull_secret: String::new() }),
    )
}

fn reference(text: &str) -> CreateImageRequest {
    image(
        "system",
        "x",
        Source::Existing(ExistingSource {
            reference: text.to_owned(),
            ..ExistingSource::default()
        }),
    )
}

#[tokio::test]
async fn bad_input_is_told_apart() {
    let Some(world) = standalone().await else { return };
    world.create(world.existing("system", "taken")).await;
    let registry = &world.registry;
    let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    let many = vec!["jq".to_owned(); 1_001];

    let cases: Vec<(&str, &str, CreateImageRequest)> = vec![
        (
            "PACKAGE_LINE_REFUSED",
            "custom.spec.apt[0]",
            spec(&world, |spec| spec.apt = lines(&["jq; rm"])),
        ),
        (
            "PACKAGE_LINE_REFUSED",
            "custom.spec.pip[1]",
            spec(&world, |spec| spec.pip = lines(&["numpy", "--index-url=https://evil"])),
        ),
        (
            "PACKAGE_LINE_REFUSED",
            "custom.spec.conda[0]",
            spec(&world, |spec| spec.conda = lines(&["--file x"])),
        ),
        (
            "PACKAGE_LINE_REFUSED",
            "custom.spec.apt[0]",
            spec(&world, |spec| spec.apt = lines(&["jq\nx"])),
        ),
        ("SPEC_TOO_LARGE", "custom.spec.apt", spec(&world, |spec| spec.apt = many)),
        ("SPEC_EMPTY", "custom.spec", spec(&world, |spec| spec.apt = lines(&["# nothing"]))),
        ("CONDA_NOT_YET_SUPPORTED", "", spec(&world, |spec| spec.conda = lines(&["numpy"]))),
        (
            "REFERENCE_MALFORMED",
            "custom.spec.base_reference",
            spec(&world, |spec| spec.base_reference = "https://x/y".to_owned()),
        ),
        (
            "GPU_REFERENCE_NOT_UNIVERSAL",
            "",
            spec(&world, |spec| spec.gpu_base_reference = "python:3".to_owned()),
        ),
        ("REFERENCE_MALFORMED", "existing.reference", reference("a b")),
        ("REFERENCE_MISSING", "", reference(&format!("{registry}/no/such:1"))),
        ("REGISTRY_UNREACHABLE", "", reference("127.0.0.1:1/no/such:1")),
        ("GROUP_NOT_FOUND", "", world.existing("nobody", "x")),
        ("NAME_TAKEN", "", world.existing("system", "taken")),
        ("FIELD_INVALID", "name", world.existing("system", "Not A Name")),
        (
            "FIELD_INVALID",
            "display_name",
            CreateImageRequest { display_name: "x".repeat(65), ..world.existing("system", "x") },
        ),
        (
            "FIELD_INVALID",
            "type",
            CreateImageRequest {
                r#type: ImageType::Unspecified.into(),
                ..world.existing("system", "x")
            },
        ),
        (
            "FIELD_INVALID",
            "source",
            CreateImageRequest { source: None, ..world.existing("system", "x") },
        ),
        (
            "FIELD_INVALID",
            "request_id",
            CreateImageRequest { request_id: "7".to_owned(), ..world.existing("system", "x") },
        ),
    ];
    let (count, mut sentences) = (cases.len(), BTreeSet::new());
    for (want, field, request) in cases {
        let status = world
            .images()
            .create_image(world.call("admin", request.clone()))
            .await
            .expect_err(want);
        assert_eq!(reason(&status), want, "{status:?}");
        let details = status.get_error_details();
        let fields: Vec<String> = details
            .bad_request()
            .into_iter()
            .flat_map(|bad| &bad.field_violations)
            .map(|violation| violation.field.clone())
            .collect();
        assert!(
            field.is_empty() || fields.iter().any(|named| named == field),
            "{want}: {fields:?} lacks {field}"
        );
        sentences.insert(status.message().to_owned());
    }
    assert_eq!(sentences.len(), count, "each is told in its own words: {sentences:#?}");
    let missing = format!("{registry}/no/such:1");
    let elsewhere = [
        (1, "REFERENCE_MALFORMED", vec!["--owner", "system", "--name", "x", "--reference", "a b"]),
        (1, "REFERENCE_MISSING", vec!["--owner", "system", "--name", "x", "--reference", &missing]),
        (
            3,
            "GROUP_NOT_FOUND",
            vec!["--owner", "nobody", "--name", "x", "--reference", &world.base],
        ),
        (1, "NAME_TAKEN", vec!["--owner", "system", "--name", "taken", "--reference", &world.base]),
        (
            5,
            "REGISTRY_UNREACHABLE",
            vec!["--owner", "system", "--name", "x", "--reference", "127.0.0.1:1/no/such:1"],
        ),
    ];
    for (want, reason, arguments) in elsewhere {
        let (code, text) = typed(&world, &[&["image", "create"][..], &arguments].concat());
        assert!(
            code == want
                && text.contains(&format!("[{reason}]"))
                && sentences.iter().any(|sentence| text.contains(sentence)),
            "{code} {text}"
        );
    }
    let left = world
        .images()
        .list_images(world.call("admin", ListImagesRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(left.images.len(), 1, "nothing of the refused ones is left");
}

/// What builds.md wants refused.
const REFUSED_LINES: &[(&str, &[&str])] = &[
    (
        "apt",
        &[
            "-oAPT::Get::AllowUnauthenticated=true",
            "--allow-unauthenticated",
            "jq; rm",
            "$(id)",
            "a b",
            "curl-",
            "g.+-12-doc",
        ],
    ),
    (
        "conda",
        &[
            "--file x",
            "-y",
            "numpy\nx",
            "numpy[url=http://x/y]",
            "numpy[fn=x.conda]",
            "conda-forge::numpy[channel=evil]",
        ],
    ),
    (
        "pip",
        &[
            "-r req.txt",
            "--trusted-host=evil",
            "--index-url=https://evil/simple",
            "-e .",
            "file:///etc/passwd",
            "${HOME}",
            "git+ssh://git@host/x",
        ],
    ),
];

#[tokio::test]
async fn every_refused_line_is_explained_the_same_way_everywhere() {
    let Some(world) = standalone().await else { return };
    let mut sentences = Vec::new();
    for (manager, lines) in REFUSED_LINES {
        for line in *lines {
            let request = spec(&world, |spec| {
                spec.apt.clear();
                let list = match *manager {
                    "apt" => &mut spec.apt,
                    "conda" => &mut spec.conda,
                    _ => &mut spec.pip,
                };
                list.push((*line).to_owned());
            });
            let status =
                world.images().create_image(world.call("admin", request)).await.expect_err(line);
            assert_eq!(reason(&status), "PACKAGE_LINE_REFUSED", "{line}: {status:?}");
            let details = status.get_error_details();
            let violation = &details.bad_request().unwrap().field_violations[0];
            assert_eq!(violation.field, format!("custom.spec.{manager}[0]"), "{line}");
            assert!(violation.description.contains("column"), "{line}: {}", violation.description);

            let (code, text) = typed(
                &world,
                &[
                    "image",
                    "create",
                    "--owner",
                    "system",
                    "--name",
                    "x",
                    "--base",
                    &world.base,
                    &format!("--{manager}={line}"),
                ],
            );
            assert!(
                code == 1
                    && text.contains(&violation.description)
                    && text.contains("[PACKAGE_LINE_REFUSED]"),
                "{line}: {code} {text}"
            );
            sentences.push(violation.description.clone());
        }
    }
    let described = sentences.iter().find(|sentence| sentence.contains("`curl` would be valid"));
    assert!(described.is_some(), "the nearest valid form is named: {sentences:#?}");
}

fn typed(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = world.stack.program("slipway");
    command
        .args(arguments)
        .envs(world.stack.environment())
        .env("SLIPWAY_TOKEN", world.token("admin"));
    said(&mut command).unwrap()
}

#[tokio::test]
async fn lists_refuse_bad_pages() {
    let Some(world) = standalone().await else { return };
    for name in ["a", "b", "c"] {
        world
            .create(CreateImageRequest {
                access: Some(slipway_wire::catalog::v1::ImageAccess {
                    global: true,
                    ..Default::default()
                }),
                ..world.existing("system", name)
            })
            .await;
    }
    let list = async |subject: &str, request: ListImagesRequest| {
        world
            .images()
            .list_images(world.call(subject, request))
            .await
            .map(tonic::Response::into_inner)
    };
    let refused = async |subject: &str, request: ListImagesRequest, want: &str| {
        assert_eq!(reason(&list(subject, request).await.unwrap_err()), want)
    };

    refused("admin", ListImagesRequest { page_size: -1, ..Default::default() }, "FIELD_INVALID")
        .await;
    refused(
        "admin",
        ListImagesRequest { order_by: "id; drop table image".to_owned(), ..Default::default() },
        "FIELD_INVALID",
    )
    .await;
    let first =
        list("admin", ListImagesRequest { page_size: 2, ..Default::default() }).await.unwrap();
    assert_eq!((first.images.len(), first.total_size), (2, 3));
    let token = first.next_page_token.clone();
    refused(
        "other",
        ListImagesRequest { page_size: 2, page_token: token.clone(), ..Default::default() },
        "PAGE_TOKEN_INVALID",
    )
    .await;
    refused(
        "admin",
        ListImagesRequest {
            page_size: 2,
            page_token: token.clone(),
            text: "a".to_owned(),
            ..Default::default()
        },
        "PAGE_TOKEN_INVALID",
    )
    .await;
    refused(
        "admin",
        ListImagesRequest { page_token: "garbage".to_owned(), ..Default::default() },
        "PAGE_TOKEN_INVALID",
    )
    .await;
    let second =
        list("admin", ListImagesRequest { page_size: 2, page_token: token, ..Default::default() })
            .await
            .unwrap();
    assert_eq!((second.images.len(), second.next_page_token.as_str()), (1, ""));
    for (text, want) in [("%", 0), ("_", 0), ("B", 1), ("\\", 0), ("'", 0)] {
        let found =
            list("admin", ListImagesRequest { text: text.to_owned(), ..Default::default() })
                .await
                .unwrap();
        assert_eq!(found.images.len(), want, "{text}");
    }
}

#[tokio::test]
async fn tokens_are_told_apart() {
    let Some(world) = standalone().await else { return };
    let get = async |request| reason(&world.images().get_image(request).await.unwrap_err());
    let message =
        || GetImageRequest { image: "system/x".to_owned(), consistency_token: String::new() };
    assert_eq!(get(tonic::Request::new(message())).await, "TOKEN_MISSING");
    assert_eq!(get(with_token("garbage", message())).await, "TOKEN_MALFORMED");
    let other = world.stack.token("admin", &["--audience", "other"]).unwrap();
    assert_eq!(get(with_token(&other, message())).await, "TOKEN_AUDIENCE");
    let good = world.token("admin");
    let (body, _) = good.rsplit_once('.').unwrap();
    assert_eq!(get(with_token(&format!("{body}.AAAA"), message())).await, "TOKEN_SIGNATURE");
    // Made to be over longer ago than the clocks may differ.
    let short = world.stack.token("admin", &["--life", "0"]).unwrap();
    let began = std::time::Instant::now();
    while get(with_token(&short, message())).await != "TOKEN_EXPIRED" {
        assert!(began.elapsed().as_secs() < 60, "an expired token is still taken");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert_eq!(get(with_token(&good, message())).await, "IMAGE_NOT_FOUND");
}

#[tokio::test]
async fn the_same_request_twice_is_one_image() {
    let Some(world) = standalone().await else { return };
    let request = world.existing("system", "once");
    let first = world.create(request.clone()).await.image.unwrap();
    let second = world.create(request.clone()).await.image.unwrap();
    assert_eq!(first.id, second.id);
    let other = CreateImageRequest { description: "another body".to_owned(), ..request };
    let status = world.images().create_image(world.call("admin", other)).await.unwrap_err();
    assert_eq!(reason(&status), "REQUEST_ID_REUSED");
    let derived = |name: &str| CreateImageRequest {
        request_id: Uuid::now_v7().to_string(),
        name: String::new(),
        display_name: name.to_owned(),
        ..world.existing("system", "")
    };
    let names =
        [world.create(derived("My Image")).await, world.create(derived("My  Image!")).await]
            .map(|response| response.image.unwrap().name);
    assert_eq!(names, ["system/my-image", "system/my-image-2"]);
}

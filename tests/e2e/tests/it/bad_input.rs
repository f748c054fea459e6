//! Bad input: each error has its reason and field, and the command line shows the same sentence as
//! gRPC.

use std::collections::BTreeSet;

use slipway_testrig::{
    call::{reason, violated_fields},
    stack::output_of,
};
use slipway_wire::{
    builder::v1::BuildSpec,
    catalog::v1::{
        CreateImageRequest, CreateRevisionRequest, CustomSource, ExistingSource, ImageType,
        ListImagesRequest, create_image_request::Source, create_revision_request,
    },
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::fixture::{
    Fixture, build_spec, create_image_request, custom_source, existing_source, shared,
};

/// A refused request with the expected reason and field; the field is empty if the refusal names
/// none.
type Case = (&'static str, &'static str, CreateImageRequest);

/// A request for a custom image with an edited spec.
fn with_spec(fixture: &Fixture, edit: impl FnOnce(&mut BuildSpec)) -> CreateImageRequest {
    let mut spec = build_spec(&fixture.base, &["jq"]);
    edit(&mut spec);

    create_image_request("system", "x", Source::Custom(custom_source(spec)))
}

fn with_reference(reference: &str) -> CreateImageRequest {
    create_image_request("system", "x", Source::Existing(existing_source(reference)))
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

/// Checks each refusal's reason and field. Returns the messages.
async fn check_refused(fixture: &Fixture, cases: Vec<Case>) -> Vec<String> {
    let mut messages = Vec::new();

    for (want, field, request) in cases {
        let status = fixture.try_create("admin", request).await.expect_err(want);
        assert_eq!(reason(&status), want, "{status:?}");

        let fields = violated_fields(&status);
        assert!(
            field.is_empty() || fields.iter().any(|named| named == field),
            "{want}: {fields:?} lacks {field}"
        );
        messages.push(status.message().to_owned());
    }

    messages
}

/// Checks that no refused create has left an image. The refused images are `x` of `system`.
async fn check_nothing_created(fixture: &Fixture) {
    let status = fixture.get_image("admin", "system/x", "").await.unwrap_err();
    assert_eq!(reason(&status), "IMAGE_NOT_FOUND", "{status:?}");
}

/// Runs the command line as the admin. Returns its exit code and output.
fn slipway(fixture: &Fixture, arguments: &[&str]) -> (i32, String) {
    let mut command = fixture.stack.program("slipway");
    command
        .args(arguments)
        .envs(fixture.stack.environment())
        .env("SLIPWAY_TOKEN", fixture.token("admin"));

    output_of(&mut command).unwrap()
}

fn spec_cases(fixture: &Fixture) -> Vec<Case> {
    let with_spec = |edit: fn(&mut BuildSpec)| with_spec(fixture, edit);
    let apt =
        |edit: fn(&mut BuildSpec)| ("PACKAGE_LINE_REFUSED", "custom.spec.apt[0]", with_spec(edit));

    vec![
        apt(|spec| spec.apt = owned(&["jq; rm"])),
        apt(|spec| spec.apt = owned(&["jq\nx"])),
        (
            "PACKAGE_LINE_REFUSED",
            "custom.spec.pip[1]",
            with_spec(|spec| spec.pip = owned(&["numpy", "--index-url=https://evil"])),
        ),
        (
            "PACKAGE_LINE_REFUSED",
            "custom.spec.conda[0]",
            with_spec(|spec| spec.conda = owned(&["--file x"])),
        ),
        (
            "SPEC_TOO_LARGE",
            "custom.spec.apt",
            with_spec(|spec| spec.apt = vec!["jq".to_owned(); 1_001]),
        ),
        ("SPEC_EMPTY", "custom.spec", with_spec(|spec| spec.apt = owned(&["# nothing"]))),
        ("CONDA_NOT_YET_SUPPORTED", "", with_spec(|spec| spec.conda = owned(&["numpy"]))),
        (
            "REFERENCE_MALFORMED",
            "custom.spec.base_reference",
            with_spec(|spec| spec.base_reference = "https://x/y".to_owned()),
        ),
        (
            "GPU_REFERENCE_NOT_UNIVERSAL",
            "",
            with_spec(|spec| spec.gpu_base_reference = "python:3".to_owned()),
        ),
    ]
}

fn image_cases(fixture: &Fixture) -> Vec<Case> {
    let missing = format!("{}/no/such:1", fixture.registry);
    let valid = || fixture.existing_image("system", "x");

    vec![
        ("REFERENCE_MALFORMED", "existing.reference", with_reference("a b")),
        ("REFERENCE_MISSING", "", with_reference(&missing)),
        ("REGISTRY_UNREACHABLE", "", with_reference("127.0.0.1:1/no/such:1")),
        ("GROUP_NOT_FOUND", "", fixture.existing_image("nobody", "x")),
        ("NAME_TAKEN", "", fixture.existing_image("system", "taken")),
        ("FIELD_INVALID", "name", fixture.existing_image("system", "Not A Name")),
        (
            "FIELD_INVALID",
            "display_name",
            CreateImageRequest { display_name: "x".repeat(65), ..valid() },
        ),
        (
            "FIELD_INVALID",
            "type",
            CreateImageRequest { r#type: ImageType::Unspecified.into(), ..valid() },
        ),
        ("FIELD_INVALID", "source", CreateImageRequest { source: None, ..valid() }),
        (
            "FIELD_INVALID",
            "request_id",
            CreateImageRequest { request_id: "7".to_owned(), ..valid() },
        ),
    ]
}

#[tokio::test]
async fn each_refused_create_has_its_own_message_on_every_channel() {
    let Some(fixture) = shared().await else { return };
    fixture.create(fixture.existing_image("system", "taken")).await;
    let cases = [spec_cases(&fixture), image_cases(&fixture)].concat();
    let count = cases.len();

    let messages: BTreeSet<String> = check_refused(&fixture, cases).await.into_iter().collect();

    assert_eq!(messages.len(), count, "two refusals have the same message: {messages:#?}");
    check_command_line_shows(&fixture, &messages);
    check_nothing_created(&fixture).await;
}

/// Repeats some of the refused creates on the command line.
fn check_command_line_shows(fixture: &Fixture, messages: &BTreeSet<String>) {
    let missing = format!("{}/no/such:1", fixture.registry);

    for (exit_code, reason, owner, name, reference) in [
        (1, "REFERENCE_MALFORMED", "system", "x", "a b"),
        (1, "REFERENCE_MISSING", "system", "x", missing.as_str()),
        (3, "GROUP_NOT_FOUND", "nobody", "x", fixture.base.as_str()),
        (1, "NAME_TAKEN", "system", "taken", fixture.base.as_str()),
        (5, "REGISTRY_UNREACHABLE", "system", "x", "127.0.0.1:1/no/such:1"),
    ] {
        let image = ["--owner", owner, "--name", name, "--reference", reference];
        let (code, text) = slipway(fixture, &[&["image", "create"][..], &image[..]].concat());

        let shows_message = messages.iter().any(|message| text.contains(message));
        let shows_reason = text.contains(&format!("[{reason}]"));
        assert!(code == exit_code && shows_reason && shows_message, "{code} {text}");
    }
}

#[tokio::test]
async fn pull_secrets_are_refused_for_now() {
    let Some(fixture) = shared().await else { return };
    let existing =
        ExistingSource { pull_secret: "mine".to_owned(), ..existing_source(&fixture.base) };
    let custom = CustomSource {
        pull_secret: "mine".to_owned(),
        ..custom_source(build_spec(&fixture.base, &["jq"]))
    };

    let cases = vec![
        (
            "PULL_SECRET_NOT_YET_SUPPORTED",
            "existing.pull_secret",
            create_image_request("system", "x", Source::Existing(existing)),
        ),
        (
            "PULL_SECRET_NOT_YET_SUPPORTED",
            "custom.pull_secret",
            create_image_request("system", "x", Source::Custom(custom)),
        ),
    ];
    check_refused(&fixture, cases).await;

    check_nothing_created(&fixture).await;
}

#[tokio::test]
async fn revision_of_another_source_kind_is_refused() {
    let Some(fixture) = shared().await else { return };
    let created = fixture.create(fixture.existing_image("system", "fixed")).await;

    let custom = custom_source(build_spec(&fixture.base, &["jq"]));
    let request = CreateRevisionRequest {
        image: "system/fixed".to_owned(),
        source: Some(create_revision_request::Source::Custom(custom)),
        consistency_token: created.consistency_token,
        ..CreateRevisionRequest::default()
    };
    let request = fixture.request("admin", request);
    let status = fixture.images().create_revision(request).await.unwrap_err();

    assert_eq!(reason(&status), "SOURCE_KIND_FIXED");
    assert_eq!(status.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn owner_filter_with_a_nul_is_refused() {
    let Some(fixture) = shared().await else { return };

    let request = ListImagesRequest { owner: "sys\0tem".to_owned(), ..Default::default() };
    let status = fixture.list_images("admin", request).await.unwrap_err();

    assert_eq!(reason(&status), "FIELD_INVALID");
    assert_eq!(violated_fields(&status), ["owner"]);
}

/// Lines that builds.md requires to be refused.
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
async fn each_refused_line_has_the_same_description_on_every_channel() {
    let Some(fixture) = shared().await else { return };
    let mut descriptions = Vec::new();

    for (manager, lines) in REFUSED_LINES {
        for line in *lines {
            let description = refused_line_description(&fixture, manager, line).await;

            let option = format!("--{manager}={line}");
            let image = ["--owner", "system", "--name", "x", "--base", &fixture.base, &option];
            let (code, text) = slipway(&fixture, &[&["image", "create"][..], &image[..]].concat());
            assert!(
                code == 1 && text.contains(&description) && text.contains("[PACKAGE_LINE_REFUSED]"),
                "{line}: {code} {text}"
            );

            descriptions.push(description);
        }
    }

    let nearest = "`curl` would be valid";
    assert!(
        descriptions.iter().any(|description| description.contains(nearest)),
        "no description contains {nearest:?}: {descriptions:#?}"
    );
}

/// Creates an image with one refused line. Returns the description of the violation.
async fn refused_line_description(fixture: &Fixture, manager: &str, line: &str) -> String {
    let request = with_spec(fixture, |spec| {
        spec.apt.clear();
        let list = match manager {
            "apt" => &mut spec.apt,
            "conda" => &mut spec.conda,
            _ => &mut spec.pip,
        };
        list.push(line.to_owned());
    });

    let status = fixture.try_create("admin", request).await.expect_err(line);

    assert_eq!(reason(&status), "PACKAGE_LINE_REFUSED", "{line}: {status:?}");
    let details = status.get_error_details();
    let violation = &details.bad_request().unwrap().field_violations[0];
    assert_eq!(violation.field, format!("custom.spec.{manager}[0]"), "{line}");
    assert!(violation.description.contains("column"), "{line}: {}", violation.description);

    violation.description.clone()
}

//! The client of the registries against stub servers: errors, hostile content, indexes.

use slipway_fault::{Fault, Reason};
use slipway_names::{platform::Platform, reference::Reference};
use slipway_registry::{Inspection, Registries, RegistryConfig, RegistryError, check_base};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";

const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64","config":{"User":"1000"},
    "rootfs":{"diff_ids":["a"]}}"#;

/// Bodies of a repository, each with the end of its path.
type Files = Vec<(String, Vec<u8>)>;

async fn respond(stream: &mut TcpStream, status: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\n\
         Content-Type: {MANIFEST_TYPE}\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );

    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
}

/// Starts a server that gives every request the same response. Returns its address.
async fn serve_response(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();

    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            respond(&mut stream, status, body.as_bytes()).await;
        }
    });

    address
}

/// Starts a server of one repository. Returns its address.
async fn serve_files(files: Files) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();

    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8_192];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();

            match files.iter().find(|(end, _)| path.ends_with(end.as_str())) {
                Some((_, body)) => respond(&mut stream, "200 OK", body).await,
                None => respond(&mut stream, "404 Not Found", b"{}").await,
            }
        }
    });

    address
}

/// Inspects `team/app` on a server that gives every request the same response, and checks the
/// fault's reason.
async fn check(status: &'static str, body: &'static str, want: Reason) {
    let address = serve_response(status, body).await;
    let registries = Registries::new(&RegistryConfig { insecure: vec![address.clone()] });
    let reference: Reference = format!("{address}/team/app:1").parse().unwrap();

    let error = registries.inspect(&reference, &Platform::linux_amd64()).await.expect_err(status);

    let fault = Fault::from(error);
    assert_eq!(fault.reason(), want, "{status} {body}: {fault}");
    assert!(fault.message().contains("team/app:1"), "{fault}");
}

/// Inspects `team/app<tag>` of a repository. An error is returned as text: the cause of an
/// unreachable registry, else the message.
async fn inspect(files: Files, tag: &str) -> Result<Inspection, String> {
    let address = serve_files(files).await;
    let registries = Registries::new(&RegistryConfig { insecure: vec![address.clone()] });
    let reference: Reference = format!("{address}/team/app{tag}").parse().unwrap();

    registries.inspect(&reference, &Platform::linux_amd64()).await.map_err(|error| match error {
        RegistryError::Unreachable { cause, .. } => cause.to_string(),
        error => error.to_string(),
    })
}

fn sha256(bytes: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);

    format!("sha256:{}", hex::encode(hash))
}

/// A manifest without layers; `config` is its entry `"config":{…}`.
fn manifest(config: &str) -> Vec<u8> {
    format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}",{config},"layers":[]}}"#)
        .into_bytes()
}

/// An index with one manifest, for linux on an architecture.
fn index(manifest: &[u8], architecture: &str) -> Vec<u8> {
    let entry = format!(
        r#"{{"mediaType":"{MANIFEST_TYPE}","digest":"{}","size":{},
            "platform":{{"os":"linux","architecture":"{architecture}"}}}}"#,
        sha256(manifest),
        manifest.len()
    );

    format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX_TYPE}","manifests":[{entry}]}}"#)
        .into_bytes()
}

/// The entry of a manifest for its config.
fn config_entry(digest: &str, size: usize) -> String {
    format!(r#""config":{{"mediaType":"{CONFIG_TYPE}","digest":"{digest}","size":{size}}}"#)
}

/// A repository with one tag, `1`.
fn repository(manifest: &[u8], config: &[u8]) -> Files {
    vec![("/manifests/1".to_owned(), manifest.to_vec()), (sha256(CONFIG), config.to_vec())]
}

async fn check_refused(manifest: Vec<u8>, config: &[u8], want: &str) {
    let message = inspect(repository(&manifest, config), ":1").await.unwrap_err();
    assert!(message.contains(want), "{message:?} does not contain {want:?}");
}

#[tokio::test]
async fn missing_denied_and_unreachable_references_have_different_reasons() {
    let errors = |code: &str| {
        format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#).leak() as &'static str
    };

    check("404 Not Found", errors("MANIFEST_UNKNOWN"), Reason::ReferenceMissing).await;
    check("404 Not Found", errors("NAME_UNKNOWN"), Reason::ReferenceMissing).await;
    check("403 Forbidden", errors("DENIED"), Reason::ReferenceDenied).await;
    check("401 Unauthorized", errors("UNAUTHORIZED"), Reason::ReferenceMissingOrDenied).await;
    check("500 Internal Server Error", "", Reason::RegistryUnreachable).await;
}

#[tokio::test]
async fn malformed_manifest_is_reported_as_an_unreachable_registry() {
    check("200 OK", "not json", Reason::RegistryUnreachable).await;

    check(
        "200 OK",
        r#"{"schemaVersion":2,"config":{"digest":"sha256:0","size":1},
            "Config":{"digest":"sha256:1"}}"#,
        Reason::RegistryUnreachable,
    )
    .await;
    check(
        "200 OK",
        r#"{"schemaVersion":2,"config":{"digest":"sha256:0","size":999999999}}"#,
        Reason::RegistryUnreachable,
    )
    .await;
}

#[tokio::test]
async fn inspection_has_the_digests_of_manifest_and_config() {
    let manifest = manifest(&config_entry(&sha256(CONFIG), CONFIG.len()));

    let inspection = inspect(repository(&manifest, CONFIG), ":1").await.unwrap();

    assert_eq!(inspection.digest.as_str(), sha256(&manifest));
    assert_eq!(inspection.config_digest.as_str(), sha256(CONFIG));
    assert_eq!(check_base(&inspection.config), Ok("1000"));
}

#[tokio::test]
async fn content_that_differs_from_its_descriptor_is_refused() {
    let digest = sha256(CONFIG);
    let other = sha256(b"other");

    // Go folds the long s: buildah would use the second digest.
    let folded = format!(r#""config":{{"digest":"{digest}","size":9,"dige\u017ft":"{other}"}}"#);
    check_refused(manifest(&folded), CONFIG, "is given twice").await;
    let repeated = config_entry(&other, 9).replace("config\":{", "Config\":{");
    let twice = format!("{},{repeated}", config_entry(&digest, 9));
    check_refused(manifest(&twice), CONFIG, "is given twice").await;

    let oversized = manifest(&config_entry(&digest, 1 << 30));
    check_refused(oversized, CONFIG, "size is missing or over").await;
    let plain = manifest(&config_entry(&digest, CONFIG.len()));
    check_refused(plain.clone(), b"{}", "Invalid digest").await;
    check_refused(plain, &vec![b' '; 16 << 20], "write zero").await;
}

#[tokio::test]
async fn manifest_with_another_digest_than_the_reference_is_refused() {
    let manifest = manifest(&config_entry(&sha256(CONFIG), CONFIG.len()));
    let other = sha256(b"other");
    let files = vec![(format!("/manifests/{other}"), manifest), (sha256(CONFIG), CONFIG.to_vec())];

    let message = inspect(files, &format!("@{other}")).await.unwrap_err();

    assert!(message.contains(&other), "the message does not name the digest {other}: {message}");
}

#[tokio::test]
async fn index_resolves_to_the_image_of_the_platform() {
    let image = manifest(&config_entry(&sha256(CONFIG), CONFIG.len()));
    let files = |architecture: &str| {
        let mut files = repository(&index(&image, architecture), CONFIG);
        files.push((format!("/manifests/{}", sha256(&image)), image.clone()));
        files
    };

    let inspection = inspect(files("amd64"), ":1").await.unwrap();
    assert_eq!(inspection.digest.as_str(), sha256(&image));

    let message = inspect(files("arm64"), ":1").await.unwrap_err();
    assert!(message.contains("has no image for linux/amd64; it has linux/arm64"), "{message}");
}

#[tokio::test]
async fn registry_that_does_not_listen_is_unreachable() {
    let registries = Registries::new(&RegistryConfig { insecure: vec!["127.0.0.1:1".to_owned()] });
    let reference: Reference = "127.0.0.1:1/team/app:1".parse().unwrap();

    let error = registries.resolve(&reference).await.unwrap_err();

    assert_eq!(Fault::from(error).reason(), Reason::RegistryUnreachable);
}

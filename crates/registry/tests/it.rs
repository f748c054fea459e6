//! A registry's answers, told apart: a stub that says one thing to everything.

use slipway_fault::{Fault, Reason};
use slipway_names::{platform::Platform, reference::Reference};
use slipway_registry::{Inspection, Registries, RegistryError, Settings, check_base};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Answers every request like this; returns its address.
async fn stub(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

async fn check(status: &'static str, body: &'static str, want: Reason) {
    let address = stub(status, body).await;
    let registries = Registries::new(&Settings { insecure: vec![address.clone()] });
    let reference: Reference = format!("{address}/team/app:1").parse().unwrap();
    let fault = Fault::from(
        registries.inspect(&reference, &Platform::linux_amd64()).await.expect_err(status),
    );
    assert_eq!(fault.reason(), want, "{status} {body}: {fault}");
    assert!(fault.message().contains("team/app:1"), "{fault}");
}

#[tokio::test]
async fn answers_are_told_apart() {
    let errors = |code: &str| {
        format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#).leak() as &'static str
    };
    check("404 Not Found", errors("MANIFEST_UNKNOWN"), Reason::ReferenceMissing).await;
    check("404 Not Found", errors("NAME_UNKNOWN"), Reason::ReferenceMissing).await;
    check("403 Forbidden", errors("DENIED"), Reason::ReferenceDenied).await;
    check("401 Unauthorized", errors("UNAUTHORIZED"), Reason::ReferenceMissingOrDenied).await;
    check("500 Internal Server Error", "", Reason::RegistryUnreachable).await;
    check("200 OK", "not json", Reason::RegistryUnreachable).await;
    check("200 OK", r#"{"schemaVersion":2,"config":{"digest":"sha256:0","size":1},"Config":{"digest":"sha256:1"}}"#, Reason::RegistryUnreachable)
        .await;
    check(
        "200 OK",
        r#"{"schemaVersion":2,"config":{"digest":"sha256:0","size":999999999}}"#,
        Reason::RegistryUnreachable,
    )
    .await;
}

/// Serves a repository: by the end of the path, the body. Returns its address.
async fn repository(files: Vec<(String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8_192];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let line = String::from_utf8_lossy(&request[..length])
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            let path = line.split(' ').nth(1).unwrap_or_default();
            let found = files.iter().find(|(end, _)| path.ends_with(end.as_str()));
            let (status, body) =
                found.map_or(("404 Not Found", &b"{}"[..]), |(_, body)| ("200 OK", body));
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
        }
    });
    address
}

fn sha256(bytes: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    format!("sha256:{}", hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64","config":{"User":"1000"},"rootfs":{"diff_ids":["a"]}}"#;

fn manifest(config: &str) -> Vec<u8> {
    format!(r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",{config},"layers":[]}}"#).into_bytes()
}

async fn inspect(files: Vec<(String, Vec<u8>)>, tag: &str) -> Result<Inspection, String> {
    let address = repository(files).await;
    let registries = Registries::new(&Settings { insecure: vec![address.clone()] });
    let reference: Reference = format!("{address}/team/app{tag}").parse().unwrap();
    registries.inspect(&reference, &Platform::linux_amd64()).await.map_err(|error| match error {
        RegistryError::Unreachable { cause, .. } => cause.to_string(),
        error => error.to_string(),
    })
}

#[tokio::test]
async fn only_what_was_promised_is_inspected() {
    let digest = sha256(CONFIG);
    let entry = |digest: &str, size: usize| {
        format!(
            r#""config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{size}}}"#
        )
    };
    let good = manifest(&entry(&digest, CONFIG.len()));
    let files = |manifest: &[u8], config: &[u8]| {
        vec![("/manifests/1".to_owned(), manifest.to_vec()), (digest.clone(), config.to_vec())]
    };

    let inspection = inspect(files(&good, CONFIG), ":1").await.unwrap();
    assert_eq!(
        (inspection.digest.as_str(), inspection.config_digest.as_str()),
        (sha256(&good).as_str(), digest.as_str())
    );
    assert_eq!(check_base(&inspection.config), Ok("1000"));

    let other = sha256(b"other");
    let refused = async |manifest: Vec<u8>, config: &[u8], want: &str| {
        let said = inspect(files(&manifest, config), ":1").await.unwrap_err();
        assert!(said.contains(want), "{said:?} does not say {want:?}");
    };
    // Go folds the long s: buildah would take the second.
    let folded = format!(r#""config":{{"digest":"{digest}","size":9,"dige\u017ft":"{other}"}}"#);
    refused(manifest(&folded), CONFIG, "stands twice").await;
    refused(
        manifest(&format!(
            "{},{}",
            entry(&digest, 9),
            entry(&other, 9).replace("config\":{", "Config\":{")
        )),
        CONFIG,
        "stands twice",
    )
    .await;
    refused(manifest(&entry(&digest, 1 << 30)), CONFIG, "no acceptable size").await;
    refused(manifest(&entry(&digest, CONFIG.len())), b"{}", "Invalid digest").await;
    refused(manifest(&entry(&digest, CONFIG.len())), &vec![b' '; 16 << 20], "write zero").await;

    let pinned =
        vec![(format!("/manifests/{other}"), good.clone()), (digest.clone(), CONFIG.to_vec())];
    let said = inspect(pinned, &format!("@{other}")).await.unwrap_err();
    assert!(
        said.contains(&other),
        "a registry may not answer a digest with something else: {said}"
    );
}

#[tokio::test]
async fn an_index_is_searched_for_the_platform() {
    let (digest, config) = (sha256(CONFIG), CONFIG.len());
    let child = manifest(&format!(
        r#""config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{config}}}"#
    ));
    let index = |architecture: &str| {
        let entry = format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"{architecture}"}}}}"#,
            sha256(&child),
            child.len()
        );
        format!(r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{entry}]}}"#).into_bytes()
    };
    let files = |architecture: &str| {
        vec![
            ("/manifests/1".to_owned(), index(architecture)),
            (format!("/manifests/{}", sha256(&child)), child.clone()),
            (digest.clone(), CONFIG.to_vec()),
        ]
    };
    assert_eq!(inspect(files("amd64"), ":1").await.unwrap().digest.as_str(), sha256(&child));
    let said = inspect(files("arm64"), ":1").await.unwrap_err();
    assert!(said.contains("has no image for linux/amd64; it has linux/arm64"), "{said}");
}

#[tokio::test]
async fn nobody_listens() {
    let registries = Registries::new(&Settings { insecure: vec!["127.0.0.1:1".to_owned()] });
    let reference: Reference = "127.0.0.1:1/team/app:1".parse().unwrap();
    assert_eq!(
        Fault::from(registries.resolve(&reference).await.unwrap_err()).reason(),
        Reason::RegistryUnreachable
    );
}

//! A registry's answers, told apart: a stub that says one thing to everything.

use slipway_fault::{Fault, Reason};
use slipway_names::{platform::Platform, reference::Reference};
use slipway_registry::{Registries, Settings};
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
    let fault = Fault::from(registries.inspect(&reference, &Platform::linux_amd64()).await.expect_err(status));
    assert_eq!(fault.reason(), want, "{status} {body}: {fault}");
    assert!(fault.message().contains("team/app:1"), "{fault}");
}

#[tokio::test]
async fn answers_are_told_apart() {
    let errors = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#).leak() as &'static str;
    check("404 Not Found", errors("MANIFEST_UNKNOWN"), Reason::ReferenceMissing).await;
    check("404 Not Found", errors("NAME_UNKNOWN"), Reason::ReferenceMissing).await;
    check("403 Forbidden", errors("DENIED"), Reason::ReferenceDenied).await;
    check("401 Unauthorized", errors("UNAUTHORIZED"), Reason::ReferenceMissingOrDenied).await;
    check("500 Internal Server Error", "", Reason::RegistryUnreachable).await;
    check("200 OK", "not json", Reason::RegistryUnreachable).await;
    check("200 OK", r#"{"schemaVersion":2,"config":{"digest":"sha256:0","size":1},"Config":{"digest":"sha256:1"}}"#, Reason::RegistryUnreachable)
        .await;
    check("200 OK", r#"{"schemaVersion":2,"config":{"digest":"sha256:0","size":999999999}}"#, Reason::RegistryUnreachable).await;
}

#[tokio::test]
async fn nobody_listens() {
    let registries = Registries::new(&Settings { insecure: vec!["127.0.0.1:1".to_owned()] });
    let reference: Reference = "127.0.0.1:1/team/app:1".parse().unwrap();
    assert_eq!(Fault::from(registries.resolve(&reference).await.unwrap_err()).reason(), Reason::RegistryUnreachable);
}

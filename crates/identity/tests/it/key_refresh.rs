//! Refresh of an issuer's keys, from a URL and from a file.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use slipway_fault::Reason;
use slipway_testrig::identity::write_jwks;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::fixture::{Fixture, Key, alice, claims};

/// The JWKS endpoint of an issuer. It counts its requests.
#[derive(Default)]
struct JwksServer {
    jwks: Mutex<String>,
    requests: AtomicUsize,
    /// Milliseconds until an answer.
    delay: AtomicU64,
}

impl JwksServer {
    /// Publishes `key` instead of the previous one.
    fn rotate(&self, key: &Key) {
        *self.jwks.lock().unwrap() = json!({ "keys": [jwk(key)] }).to_string();
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Returns the URL of the JWKS.
    async fn start(self: Arc<Self>) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());

        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                self.answer(stream).await;
            }
        });

        url
    }

    async fn answer(&self, mut stream: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read_buf(&mut request).await.unwrap();
            assert_ne!(read, 0, "the request is incomplete");
        }

        self.requests.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(self.delay.load(Ordering::SeqCst))).await;
        let body = self.jwks.lock().unwrap().clone();
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(response.as_bytes()).await.unwrap();
    }
}

fn jwk(key: &Key) -> Value {
    key.jwk(Algorithm::ES256, json!({}))
}

fn token(key: &Key) -> String {
    key.sign(Algorithm::ES256, &claims(json!({})))
}

#[tokio::test]
async fn token_of_an_unknown_key_waits_for_the_next_fetch() {
    let [first, second, third] =
        ["first", "second", "third"].map(|id| Key::new(Algorithm::ES256, id));
    let server = Arc::new(JwksServer::default());
    server.rotate(&first);
    let fixture = Fixture::with_url(&server.clone().start().await).await;
    assert_eq!(fixture.verify(&token(&first)).await, alice());
    assert_eq!(server.requests(), 1);

    let start = Instant::now();
    server.rotate(&second);
    assert_eq!(fixture.verify(&token(&second)).await, alice());
    assert_eq!(server.requests(), 2, "an unknown key is fetched at once");

    server.rotate(&third);
    let [invented, valid] = [token(&first.with_id("invented")), token(&third)];
    let results =
        tokio::join!(fixture.verify(&invented), fixture.verify(&valid), fixture.verify(&valid));
    assert_eq!(results, (Err(Reason::TokenSignature), alice(), alice()));
    assert_eq!(server.requests(), 3, "concurrent calls share one fetch");
    assert!(start.elapsed() > Duration::from_millis(900), "at most one fetch in a second");
}

#[tokio::test]
async fn caller_who_gives_up_does_not_end_the_fetch_of_others() {
    let [first, second] = ["first", "second"].map(|id| Key::new(Algorithm::ES256, id));
    let server = Arc::new(JwksServer::default());
    server.rotate(&first);
    let fixture = Fixture::with_url(&server.clone().start().await).await;
    let [invented, other, valid] =
        [token(&first.with_id("invented")), token(&first.with_id("other")), token(&second)];
    assert_eq!(fixture.verify(&invented).await, Err(Reason::TokenSignature));

    server.rotate(&second);
    server.delay.store(500, Ordering::SeqCst);
    // The next fetch begins after a second, and this caller leaves during it.
    let impatient = timeout(Duration::from_millis(1_200), fixture.verify(&other));

    let (impatient, valid) = tokio::join!(impatient, fixture.verify(&valid));
    assert!(impatient.is_err(), "{impatient:?}");
    assert_eq!(valid, alice());
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn unread_keys_do_not_refuse_the_token() {
    let [first, second] = ["first", "second"].map(|id| Key::new(Algorithm::ES256, id));
    let fixture = Fixture::with_keys(&[jwk(&first)]).await;
    fs::remove_file(fixture.issuer_file()).unwrap();

    assert_eq!(fixture.verify(&token(&second)).await, Err(Reason::DependencyFailed));
    assert_eq!(fixture.verify(&token(&first)).await, alice());
}

#[tokio::test]
async fn token_of_a_removed_key_is_refused_at_once() {
    let [first, second] = ["first", "second"].map(|id| Key::new(Algorithm::ES256, id));
    let fixture = Fixture::with_keys(&[jwk(&first)]).await;
    let token = token(&first);
    assert_eq!(fixture.verify(&token).await, alice());

    write_jwks(&fixture.issuer_file(), &[jwk(&second)]);
    fixture.verifier.refresh().await.unwrap();

    assert_eq!(fixture.verify(&token).await, Err(Reason::TokenSignature));
}

#[tokio::test]
async fn keys_may_share_an_id_and_be_replaced_under_it() {
    let [old, new, newest] = [(); 3].map(|()| Key::new(Algorithm::ES256, "same"));
    let other_type = Key::new(Algorithm::ES384, "same").jwk(Algorithm::ES384, json!({}));
    let fixture = Fixture::with_keys(&[other_type.clone(), jwk(&old), jwk(&new)]).await;

    assert_eq!(fixture.verify(&token(&old)).await, alice());
    assert_eq!(fixture.verify(&token(&new)).await, alice());

    write_jwks(&fixture.issuer_file(), &[other_type, jwk(&newest)]);
    assert_eq!(fixture.verify(&token(&newest)).await, alice());
    assert_eq!(fixture.verify(&token(&old)).await, Err(Reason::TokenSignature));
}

#[tokio::test]
async fn keys_in_a_file_are_read_again_and_kept_while_it_is_unreadable() {
    let first = Key::new(Algorithm::ES256, "first");
    let second = Key::new(Algorithm::ES256, "second");
    let fixture = Fixture::with_keys(&[jwk(&first)]).await;
    let file = fixture.issuer_file();

    write_jwks(&file, &[jwk(&second)]);
    assert_eq!(fixture.verify(&token(&second)).await, alice());

    for text in ["", "{\"keys\":", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}"] {
        fs::write(&file, text).unwrap();
        fixture.verifier.refresh().await.unwrap_err();
        assert_eq!(fixture.verify(&token(&second)).await, alice(), "file with `{text}`");
    }

    fs::remove_file(&file).unwrap();
    fixture.verifier.refresh().await.unwrap_err();
    assert_eq!(fixture.verify(&token(&second)).await, alice(), "missing file");
}

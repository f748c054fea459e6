//! Refresh of an issuer's keys, from a URL and from a file.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use slipway_fault::Reason;
use slipway_testrig::identity::write_jwks;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::fixture::{Fixture, Key, alice, claims};

/// The JWKS endpoint of an issuer. It counts its requests.
#[derive(Default)]
struct JwksServer {
    jwks: Mutex<String>,
    requests: AtomicUsize,
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

/// Advances tokio's clock, without waiting.
async fn advance(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn unknown_key_is_fetched_at_most_once_in_ten_seconds() {
    let [first, second, third] =
        ["first", "second", "third"].map(|id| Key::new(Algorithm::ES256, id));
    let server = Arc::new(JwksServer::default());
    server.rotate(&first);
    let fixture = Fixture::with_url(&server.clone().start().await).await;
    assert_eq!(fixture.verify(&token(&first)).await, alice());
    assert_eq!(server.requests(), 1);

    server.rotate(&second);
    assert_eq!(fixture.verify(&token(&second)).await, alice());
    assert_eq!(server.requests(), 2, "an unknown key is fetched at once");
    assert_eq!(
        fixture.verify(&token(&first)).await,
        Err(Reason::TokenSignature),
        "a key that the issuer has removed is not accepted"
    );

    for invented_id in ["a", "b", "c"] {
        let token = token(&first.with_id(invented_id));
        assert_eq!(fixture.verify(&token).await, Err(Reason::TokenSignature));
    }
    server.rotate(&third);
    assert_eq!(fixture.verify(&token(&third)).await, Err(Reason::TokenSignature));
    assert_eq!(server.requests(), 2, "no second fetch within ten seconds");

    advance(Duration::from_secs(11)).await;
    let token = token(&third);
    let results =
        tokio::join!(fixture.verify(&token), fixture.verify(&token), fixture.verify(&token));
    assert_eq!(results, (alice(), alice(), alice()));
    assert_eq!(server.requests(), 3, "concurrent calls share one fetch");
}

#[tokio::test]
async fn keys_in_a_file_are_read_again_and_kept_while_it_is_unreadable() {
    let first = Key::new(Algorithm::ES256, "first");
    let second = Key::new(Algorithm::ES256, "second");
    let fixture = Fixture::with_keys(&[jwk(&first)]).await;
    let file = fixture.issuer_file();

    write_jwks(&file, &[jwk(&second)]);
    assert_eq!(fixture.verify(&token(&second)).await, alice());

    for text in ["", "{\"keys\":"] {
        fs::write(&file, text).unwrap();
        fixture.verifier.refresh().await.unwrap_err();
        assert_eq!(fixture.verify(&token(&second)).await, alice(), "file with `{text}`");
    }

    fs::remove_file(&file).unwrap();
    fixture.verifier.refresh().await.unwrap_err();
    assert_eq!(fixture.verify(&token(&second)).await, alice(), "missing file");
}

//! Tokens as issuers, services and attackers make them; keys in files and behind URLs.

use std::{
    convert::Infallible,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use slipway_fault::{Fault, Reason};
use slipway_identity::{
    AUDIENCE, Caller, IdentityLayer, Issuer, ON_BEHALF_OF, ServiceName, ServiceSigner, Settings,
    SigningKey, Verifier,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tonic::Status;
use tower::{Layer as _, ServiceExt as _, service_fn};

const ISSUER: &str = "https://issuer.test";

/// A key of an issuer.
struct Key {
    id: &'static str,
    encoding: EncodingKey,
}

impl Key {
    fn new(algorithm: Algorithm, id: &'static str) -> Self {
        let encoding = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(&ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            Algorithm::ES384 => EncodingKey::from_ec_der(&ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            Algorithm::EdDSA => EncodingKey::from_ed_der(
                Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref(),
            ),
            _ => {
                let der: Pkcs8V1Der<'_> =
                    rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap().as_der().unwrap();
                let pem = format!(
                    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                    STANDARD.encode(der.as_ref())
                );
                EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
            }
        };
        Self { id, encoding }
    }

    fn again_as(&self, id: &'static str) -> Self {
        Self { id, encoding: self.encoding.clone() }
    }

    /// The public half; `edits` replace members, `null` removes one.
    fn jwk(&self, algorithm: Algorithm, edits: Value) -> Value {
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&self.encoding, algorithm).unwrap())
                .unwrap();
        jwk["kid"] = json!(self.id);
        merge(jwk, edits)
    }

    fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        let mut header = Header::new(algorithm);
        header.kid = Some(self.id.to_owned());
        encode(&header, claims, &self.encoding).unwrap()
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
    EcdsaKeyPair::generate(algorithm).unwrap().to_pkcs8v1().unwrap().as_ref().to_vec()
}

fn merge(mut value: Value, edits: Value) -> Value {
    for (name, edit) in edits.as_object().unwrap() {
        match edit {
            Value::Null => value.as_object_mut().unwrap().remove(name),
            edit => value.as_object_mut().unwrap().insert(name.clone(), edit.clone()),
        };
    }
    value
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims of alice for ten minutes; `edits` replace members, `null` removes one.
fn claims(edits: Value) -> Value {
    merge(
        json!({ "iss": ISSUER, "sub": "alice", "name": "Alice", "aud": AUDIENCE, "exp": now() + 600 }),
        edits,
    )
}

fn publish(path: &Path, keys: &[Value]) {
    fs::write(path, json!({ "keys": keys }).to_string()).unwrap();
}

/// A verifier that trusts one issuer and the catalog.
struct Site {
    folder: TempDir,
    verifier: Arc<Verifier>,
    catalog: ServiceSigner,
}

impl Site {
    /// The issuer's keys are at the URL, or in `people.json` where it is empty.
    async fn new(jwks_url: &str, keys: &[Value]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let catalog = SigningKey::read_or_create(&path("catalog.pem"), "catalog").unwrap();
        publish(&path("services.json"), &[catalog.jwk()]);
        publish(&path("people.json"), keys);
        let issuer = Issuer {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks_url: jwks_url.to_owned(),
            jwks_file: path("people.json"),
        };
        let settings = Settings {
            issuers: vec![issuer],
            service_jwks_file: path("services.json"),
            service_key_file: path("catalog.pem"),
        };
        let verifier = Verifier::new(settings);
        verifier.refresh().await.unwrap();
        Self {
            verifier: Arc::new(verifier),
            catalog: ServiceSigner::new(ServiceName::Catalog, catalog),
            folder,
        }
    }

    /// The user of a token, or why it was refused.
    async fn verify(&self, token: &str) -> Result<String, Reason> {
        self.verifier
            .verify(token, None)
            .await
            .map(|caller| caller.user.unwrap().subject)
            .map_err(|fault| fault.reason())
    }

    /// The caller that a handler finds, or what it was refused with before.
    async fn call(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Option<Caller>, Fault> {
        let handler = service_fn(|request: http::Request<()>| async move {
            let mut response = http::Response::new(String::new());
            if let Some(caller) = request.extensions().get::<Caller>() {
                response.extensions_mut().insert(caller.clone());
            }
            Ok::<_, Infallible>(response)
        });
        let mut request = http::Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let response = IdentityLayer::new(self.verifier.clone())
            .layer(handler)
            .oneshot(request)
            .await
            .unwrap();
        match response.extensions().get::<Status>() {
            Some(status) => Err(Fault::from(status.clone())),
            None => Ok(response.extensions().get::<Caller>().cloned()),
        }
    }
}

#[tokio::test]
async fn tokens_are_told_apart() {
    let key = Key::new(Algorithm::ES256, "one");
    let public = key.jwk(Algorithm::ES256, json!({}));
    let site = Site::new("", std::slice::from_ref(&public)).await;
    let foreign = Key::new(Algorithm::ES256, "two");
    let longer = Key::new(Algorithm::ES384, "one");
    let good = |edits: Value| key.sign(Algorithm::ES256, &claims(edits));
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |algorithm: &str| {
        format!(
            "{}.{}.",
            part(json!({ "alg": algorithm, "kid": "one", "typ": "JWT" })),
            part(claims(json!({})))
        )
    };
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(public[name].as_str().unwrap()).unwrap();
    let by_secret = |secret: &[u8]| {
        Key { id: "one", encoding: EncodingKey::from_secret(secret) }
            .sign(Algorithm::HS256, &claims(json!({})))
    };
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let text = public.to_string();
    let no_kid = encode(&Header::new(Algorithm::ES256), &claims(json!({})), &key.encoding).unwrap();
    let signed = good(json!({}));
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let other_claims = format!(
        "{}.{}.{signature}",
        message.split_once('.').unwrap().0,
        part(claims(json!({ "sub": "admin" })))
    );

    let alice = Ok("alice".to_owned());
    let cases: Vec<(&str, String, Result<String, Reason>)> = vec![
        ("good", signed.clone(), alice.clone()),
        ("one of several audiences", good(json!({ "aud": ["other", AUDIENCE] })), alice.clone()),
        ("ended within the leeway", good(json!({ "exp": now() - 10 })), alice.clone()),
        ("ends with a fraction of a second", good(json!({ "exp": now() as f64 + 60.5 })), alice),
        ("ended beyond the leeway", good(json!({ "exp": now() - 60 })), Err(Reason::TokenExpired)),
        ("begins later", good(json!({ "nbf": now() + 120 })), Err(Reason::TokenNotYetValid)),
        ("no end", good(json!({ "exp": null })), Err(Reason::TokenMalformed)),
        ("an end in words", good(json!({ "exp": "tomorrow" })), Err(Reason::TokenMalformed)),
        ("no audience", good(json!({ "aud": null })), Err(Reason::TokenMalformed)),
        ("another audience", good(json!({ "aud": "other" })), Err(Reason::TokenAudience)),
        (
            "another issuer",
            good(json!({ "iss": "https://elsewhere.test" })),
            Err(Reason::TokenIssuer),
        ),
        (
            "says it is a service",
            good(json!({ "iss": "slipway-service", "sub": "catalog" })),
            Err(Reason::TokenSignature),
        ),
        ("no subject", good(json!({ "sub": null })), Err(Reason::TokenMalformed)),
        ("an empty subject", good(json!({ "sub": "" })), Err(Reason::TokenMalformed)),
        ("a subject with NUL", good(json!({ "sub": "alice\0" })), Err(Reason::TokenMalformed)),
        (
            "a subject without end",
            good(json!({ "sub": "x".repeat(256) })),
            Err(Reason::TokenMalformed),
        ),
        ("alg none", unsigned("none"), Err(Reason::TokenMalformed)),
        ("alg nOnE", unsigned("nOnE"), Err(Reason::TokenMalformed)),
        ("a signed alg without signature", unsigned("ES256"), Err(Reason::TokenSignature)),
        ("HS256 by the public point", by_secret(&point), Err(Reason::TokenSignature)),
        ("HS256 by the public JWK", by_secret(text.as_bytes()), Err(Reason::TokenSignature)),
        (
            "another algorithm than the key's",
            longer.sign(Algorithm::ES384, &claims(json!({}))),
            Err(Reason::TokenSignature),
        ),
        (
            "a foreign key under its own id",
            foreign.sign(Algorithm::ES256, &claims(json!({}))),
            Err(Reason::TokenSignature),
        ),
        (
            "a foreign key under the good id",
            foreign.again_as("one").sign(Algorithm::ES256, &claims(json!({}))),
            Err(Reason::TokenSignature),
        ),
        ("no key id", no_kid, Err(Reason::TokenSignature)),
        ("a signature of other claims", other_claims, Err(Reason::TokenSignature)),
        ("no signature", format!("{message}."), Err(Reason::TokenSignature)),
        ("garbage", "garbage".to_owned(), Err(Reason::TokenMalformed)),
        ("three dots", "...".to_owned(), Err(Reason::TokenMalformed)),
    ];
    for (name, token, want) in cases {
        assert_eq!(site.verify(&token).await, want, "{name}");
    }
    let caller = site.verifier.verify(&good(json!({ "name": "two\nlines" })), None).await.unwrap();
    assert_eq!(caller.user.unwrap().name, "", "a name that cannot be shown is left away");
}

#[tokio::test]
async fn a_key_verifies_what_it_was_made_for() {
    use Algorithm::{ES256, ES384, EdDSA, HS256, PS256, PS384, PS512, RS256, RS384, RS512};
    let (p256, p384, ed, rsa) = (
        Key::new(ES256, "p256"),
        Key::new(ES384, "p384"),
        Key::new(EdDSA, "ed"),
        Key::new(RS256, "rsa"),
    );
    let secret = Key {
        id: "secret",
        encoding: EncodingKey::from_secret(b"a secret that everybody may read here"),
    };
    let mut keys = vec![
        json!("not a key"),
        json!({ "kty": "EC", "crv": "P-521" }),
        json!({ "kty": "AKP", "kid": "later" }),
    ];
    let mut cases = Vec::new();
    // The key, its id, how it is published, the algorithm of a token, and whether that counts.
    let rows: Vec<(&Key, &'static str, Value, Algorithm, bool)> = vec![
        (&p256, "1", json!({}), ES256, true),
        (&p256, "2", json!({ "alg": null }), ES256, true),
        (&p256, "3", json!({ "alg": "ES384" }), ES256, false),
        (&p256, "4", json!({ "alg": "ES256", "use": "sig" }), ES256, true),
        (&p256, "5", json!({ "use": "enc" }), ES256, false),
        (&p256, "6", json!({ "alg": "ECDH-ES" }), ES256, false),
        (&p384, "7", json!({}), ES384, true),
        (&p384, "8", json!({ "alg": null }), ES384, true),
        (&ed, "9", json!({}), EdDSA, true),
        (&ed, "10", json!({ "alg": null }), EdDSA, true),
        (&rsa, "11", json!({ "alg": "RS256" }), RS256, true),
        (&rsa, "12", json!({ "alg": "RS256" }), PS256, false),
        (&rsa, "13", json!({ "alg": "RS384" }), RS384, true),
        (&rsa, "14", json!({ "alg": "RS512" }), RS512, true),
        (&rsa, "15", json!({ "alg": "PS256" }), PS256, true),
        (&rsa, "16", json!({ "alg": "PS384" }), PS384, true),
        (&rsa, "17", json!({ "alg": "PS512" }), PS512, true),
        (&rsa, "18", json!({ "alg": null }), RS256, true),
        (&rsa, "19", json!({ "alg": null }), PS512, true),
        (&rsa, "20", json!({ "alg": "RSA-OAEP" }), RS256, false),
        (&rsa, "21", json!({ "alg": "none" }), RS256, false),
        (&secret, "22", json!({}), HS256, false),
        (&secret, "23", json!({ "alg": null }), HS256, false),
        (&secret, "24", json!({ "alg": "ES256" }), HS256, false),
    ];
    for (key, id, edits, algorithm, counts) in rows {
        let key = key.again_as(id);
        keys.push(key.jwk(algorithm, edits.clone()));
        cases.push((id, edits, algorithm, counts, key.sign(algorithm, &claims(json!({})))));
    }
    let site = Site::new("", &keys).await;
    for (id, edits, algorithm, counts, token) in cases {
        let want = if counts { Ok("alice".to_owned()) } else { Err(Reason::TokenSignature) };
        assert_eq!(
            site.verify(&token).await,
            want,
            "key {id}, published with {edits}, and a token by {algorithm:?}"
        );
    }
}

#[tokio::test]
async fn who_calls() {
    const PATH: &str = "/slipway.permission.v1.UserService/GetSelf";
    let key = Key::new(Algorithm::ES256, "one");
    let site = Site::new("", &[key.jwk(Algorithm::ES256, json!({}))]).await;
    let user = key.sign(Algorithm::ES256, &claims(json!({})));
    let expired = key.sign(Algorithm::ES256, &claims(json!({ "exp": now() - 60 })));
    let service = site.catalog.token().unwrap();
    let liar = ServiceSigner::new(
        ServiceName::Builder,
        SigningKey::read(&site.folder.path().join("catalog.pem"), "catalog").unwrap(),
    );
    let liar = format!("Bearer {}", liar.token().unwrap());
    let (as_user, as_service) = (format!("Bearer {user}"), format!("Bearer {service}"));
    let lower = format!("bearer {user}");
    let upper = format!("BEARER   {user}");
    let together = format!("Bearer{user}");

    let check = async |name: &str,
                       headers: &[(&'static str, &str)],
                       want: Result<(Option<ServiceName>, Option<&str>), Reason>| {
        let got = site
            .call(PATH, headers)
            .await
            .map(|caller| caller.expect("verified callers reach the handler"));
        let got = got
            .as_ref()
            .map(|caller| (caller.service, caller.user.as_ref().map(|user| user.subject.as_str())));
        assert_eq!(got.map_err(Fault::reason), want, "{name}");
    };
    let (alice, catalog) = (Some("alice"), Some(ServiceName::Catalog));
    check("nothing", &[], Err(Reason::TokenMissing)).await;
    check("a password", &[("authorization", "Basic abc")], Err(Reason::TokenMissing)).await;
    check("a scheme alone", &[("authorization", "Bearer ")], Err(Reason::TokenMissing)).await;
    check("no space", &[("authorization", &together)], Err(Reason::TokenMissing)).await;
    check("a user", &[("authorization", &as_user)], Ok((None, alice))).await;
    check("in lower case", &[("authorization", &lower)], Ok((None, alice))).await;
    check("in upper case", &[("authorization", &upper)], Ok((None, alice))).await;
    check("a service", &[("authorization", &as_service)], Ok((catalog, None))).await;
    check(
        "a service for a user",
        &[("authorization", &as_service), (ON_BEHALF_OF, &user)],
        Ok((catalog, alice)),
    )
    .await;
    check(
        "a service for nobody's token",
        &[("authorization", &as_service), (ON_BEHALF_OF, "")],
        Err(Reason::TokenMalformed),
    )
    .await;
    check(
        "a service for an expired user",
        &[("authorization", &as_service), (ON_BEHALF_OF, &expired)],
        Err(Reason::TokenExpired),
    )
    .await;
    check(
        "a service for a service",
        &[("authorization", &as_service), (ON_BEHALF_OF, &service)],
        Err(Reason::TokenIssuer),
    )
    .await;
    check(
        "a user for a user",
        &[("authorization", &as_user), (ON_BEHALF_OF, &user)],
        Err(Reason::ServiceOnly),
    )
    .await;
    check("a service by another's key", &[("authorization", &liar)], Err(Reason::TokenSignature))
        .await;
    assert!(
        site.call("/grpc.health.v1.Health/Check", &[]).await.unwrap().is_none(),
        "health is asked without a token"
    );
}

#[tokio::test]
async fn callers_know_when_their_token_ends() {
    let key = Key::new(Algorithm::ES256, "one");
    let site = Site::new("", &[key.jwk(Algorithm::ES256, json!({}))]).await;
    let end = now() + 7;
    let user = key.sign(Algorithm::ES256, &claims(json!({ "exp": end })));
    let at = UNIX_EPOCH + Duration::from_secs(end + 30);
    let alone = site.verifier.verify(&user, None).await.unwrap();
    let for_user = site.verifier.verify(&site.catalog.token().unwrap(), Some(&user)).await.unwrap();
    for caller in [alone, for_user] {
        assert_eq!(caller.expires_at, at);
        caller.require_unexpired(at - Duration::from_secs(1)).unwrap();
        assert_eq!(caller.require_unexpired(at).unwrap_err().reason(), Reason::TokenExpired);
    }
    let service = site.verifier.verify(&site.catalog.token().unwrap(), None).await.unwrap();
    service.require_unexpired(SystemTime::now()).unwrap();
    service.require_unexpired(SystemTime::now() + Duration::from_secs(3_600)).unwrap_err();
    let endless = key.sign(Algorithm::ES256, &claims(json!({ "exp": 1e18 })));
    site.verifier
        .verify(&endless, None)
        .await
        .unwrap()
        .require_unexpired(SystemTime::now())
        .unwrap();
}

/// An issuer's JWKS behind a URL, and how often it was asked for.
struct Jwks {
    text: Mutex<String>,
    asked: AtomicUsize,
}

impl Jwks {
    fn rotate(&self, key: &Key) {
        *self.text.lock().unwrap() =
            json!({ "keys": [key.jwk(Algorithm::ES256, json!({}))] }).to_string();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Its URL.
    async fn serve(self: Arc<Self>) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let read = stream.read_buf(&mut request).await.unwrap();
                    assert_ne!(read, 0, "the request is whole");
                }
                self.asked.fetch_add(1, Ordering::SeqCst);
                let body = self.text.lock().unwrap().clone();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        url
    }
}

#[tokio::test]
async fn rotated_keys_are_asked_for_once_in_ten_seconds() {
    let [first, second, third] =
        ["first", "second", "third"].map(|id| Key::new(Algorithm::ES256, id));
    let token = |key: &Key| key.sign(Algorithm::ES256, &claims(json!({})));
    let jwks = Arc::new(Jwks { text: Mutex::default(), asked: AtomicUsize::new(0) });
    jwks.rotate(&first);
    let site = Site::new(&jwks.clone().serve().await, &[]).await;
    let alice = Ok("alice".to_owned());
    assert_eq!((site.verify(&token(&first)).await, jwks.asked()), (alice.clone(), 1));

    jwks.rotate(&second);
    assert_eq!((site.verify(&token(&second)).await, jwks.asked()), (alice.clone(), 2));
    assert_eq!(
        site.verify(&token(&first)).await,
        Err(Reason::TokenSignature),
        "what the issuer has taken back counts no more"
    );
    for made_up in ["a", "b", "c"] {
        assert_eq!(
            site.verify(&token(&first.again_as(made_up))).await,
            Err(Reason::TokenSignature)
        );
    }
    jwks.rotate(&third);
    assert_eq!(site.verify(&token(&third)).await, Err(Reason::TokenSignature));
    assert_eq!(jwks.asked(), 2, "nobody makes us ask again at once");

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    let third = token(&third);
    let answers = tokio::join!(site.verify(&third), site.verify(&third), site.verify(&third));
    assert_eq!(answers, (alice.clone(), alice.clone(), alice));
    assert_eq!(jwks.asked(), 3, "one asks for all that wait");
}

#[tokio::test]
async fn keys_in_files_are_read_again_and_kept_while_away() {
    let (first, second) =
        (Key::new(Algorithm::ES256, "first"), Key::new(Algorithm::ES256, "second"));
    let token = |key: &Key| key.sign(Algorithm::ES256, &claims(json!({})));
    let site = Site::new("", &[first.jwk(Algorithm::ES256, json!({}))]).await;
    let people = site.folder.path().join("people.json");
    publish(&people, &[second.jwk(Algorithm::ES256, json!({}))]);
    assert_eq!(site.verify(&token(&second)).await, Ok("alice".to_owned()));
    for text in ["", "{\"keys\":"] {
        fs::write(&people, text).unwrap();
        site.verifier.refresh().await.unwrap_err();
        assert_eq!(
            site.verify(&token(&second)).await,
            Ok("alice".to_owned()),
            "unreadable keys do not lock everybody out"
        );
    }
    fs::remove_file(&people).unwrap();
    site.verifier.refresh().await.unwrap_err();
    assert_eq!(site.verify(&token(&second)).await, Ok("alice".to_owned()));
}

#[test]
fn key_files_are_whole_private_and_never_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("catalog.pem");
    let jwk = |path: &Path| {
        SigningKey::read_or_create(path, "catalog")
            .map(|key| key.jwk())
            .map_err(|error| error.to_string())
    };
    let made: Vec<Value> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| jwk(&path).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|key| *key == made[0]), "the first wins");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["catalog.pem"], "nothing is left beside it");

    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = jwk(&path).unwrap_err();
        assert!(error.contains("set 0600"), "{error}");
    }
    let damaged = folder.path().join("damaged.pem");
    fs::write(&damaged, "x").unwrap();
    fs::set_permissions(&damaged, fs::Permissions::from_mode(0o600)).unwrap();
    jwk(&damaged).unwrap_err();
    assert_eq!(fs::read_to_string(&damaged).unwrap(), "x");
    jwk(&folder.path().join("absent/catalog.pem")).unwrap_err();
}

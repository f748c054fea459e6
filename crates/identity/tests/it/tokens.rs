//! Valid and invalid tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};
use slipway_fault::Reason;
use slipway_identity::AUDIENCE;

use crate::fixture::{Fixture, Key, alice, claims, now};

type Case = (&'static str, String, Result<String, Reason>);

async fn check(fixture: &Fixture, cases: Vec<Case>) {
    for (name, token, want) in cases {
        assert_eq!(fixture.verify(&token).await, want, "{name}");
    }
}

/// A key of the issuer, and its public half.
fn issuer_key() -> (Key, Value) {
    let key = Key::new(Algorithm::ES256, "one");
    let jwk = key.jwk(Algorithm::ES256, json!({}));
    (key, jwk)
}

fn encode_part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn unsigned(algorithm: &str) -> String {
    let header = json!({ "alg": algorithm, "kid": "one", "typ": "JWT" });
    format!("{}.{}.", encode_part(&header), encode_part(&claims(json!({}))))
}

/// The uncompressed point of a public key.
fn public_point(jwk: &Value) -> Vec<u8> {
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    [vec![4], coordinate("x"), coordinate("y")].concat()
}

fn signed_by_secret(secret: &[u8]) -> String {
    Key::from_secret(secret, "one").sign(Algorithm::HS256, &claims(json!({})))
}

#[tokio::test]
async fn each_invalid_claim_has_a_reason() {
    let (key, jwk) = issuer_key();
    let fixture = Fixture::with_keys(&[jwk]).await;
    let token = |edits: Value| key.sign(Algorithm::ES256, &claims(edits));

    let cases = vec![
        ("valid", token(json!({})), alice()),
        ("several audiences", token(json!({ "aud": ["other", AUDIENCE] })), alice()),
        ("expired within the clock skew", token(json!({ "exp": now() - 10 })), alice()),
        ("expiry with a fraction", token(json!({ "exp": now() as f64 + 60.5 })), alice()),
        (
            "expired before the clock skew",
            token(json!({ "exp": now() - 60 })),
            Err(Reason::TokenExpired),
        ),
        ("not yet valid", token(json!({ "nbf": now() + 120 })), Err(Reason::TokenNotYetValid)),
        ("no expiry", token(json!({ "exp": null })), Err(Reason::TokenMalformed)),
        ("expiry as a word", token(json!({ "exp": "tomorrow" })), Err(Reason::TokenMalformed)),
        ("no audience", token(json!({ "aud": null })), Err(Reason::TokenMalformed)),
        ("another audience", token(json!({ "aud": "other" })), Err(Reason::TokenAudience)),
        (
            "unknown issuer",
            token(json!({ "iss": "https://elsewhere.test" })),
            Err(Reason::TokenIssuer),
        ),
        (
            "service token signed by another issuer's key",
            token(json!({ "iss": "slipway-service", "sub": "catalog" })),
            Err(Reason::TokenSignature),
        ),
        ("no subject", token(json!({ "sub": null })), Err(Reason::TokenMalformed)),
        ("empty subject", token(json!({ "sub": "" })), Err(Reason::TokenMalformed)),
        ("subject with NUL", token(json!({ "sub": "alice\0" })), Err(Reason::TokenMalformed)),
        (
            "subject that is too long",
            token(json!({ "sub": "x".repeat(256) })),
            Err(Reason::TokenMalformed),
        ),
    ];
    check(&fixture, cases).await;
}

#[tokio::test(start_paused = true)]
async fn each_invalid_signature_has_a_reason() {
    let (key, jwk) = issuer_key();
    let fixture = Fixture::with_keys(std::slice::from_ref(&jwk)).await;
    let foreign_key = Key::new(Algorithm::ES256, "two");
    let p384_key = Key::new(Algorithm::ES384, "one");

    let valid = key.sign(Algorithm::ES256, &claims(json!({})));
    let without_key_id =
        encode(&Header::new(Algorithm::ES256), &claims(json!({})), &key.encoding).unwrap();
    let (message, signature) = valid.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let other_claims = encode_part(&claims(json!({ "sub": "admin" })));

    let cases = vec![
        ("valid", valid.clone(), alice()),
        ("alg none", unsigned("none"), Err(Reason::TokenMalformed)),
        ("alg nOnE", unsigned("nOnE"), Err(Reason::TokenMalformed)),
        ("ES256 without signature", unsigned("ES256"), Err(Reason::TokenSignature)),
        (
            "HS256 with the public point as the secret",
            signed_by_secret(&public_point(&jwk)),
            Err(Reason::TokenSignature),
        ),
        (
            "HS256 with the public JWK as the secret",
            signed_by_secret(jwk.to_string().as_bytes()),
            Err(Reason::TokenSignature),
        ),
        (
            "another algorithm than the key's",
            p384_key.sign(Algorithm::ES384, &claims(json!({}))),
            Err(Reason::TokenSignature),
        ),
        (
            "foreign key under its own id",
            foreign_key.sign(Algorithm::ES256, &claims(json!({}))),
            Err(Reason::TokenSignature),
        ),
        (
            "foreign key under the issuer's key id",
            foreign_key.with_id("one").sign(Algorithm::ES256, &claims(json!({}))),
            Err(Reason::TokenSignature),
        ),
        ("no key id", without_key_id, Err(Reason::TokenSignature)),
        (
            "signature of other claims",
            format!("{header}.{other_claims}.{signature}"),
            Err(Reason::TokenSignature),
        ),
        ("removed signature", format!("{message}."), Err(Reason::TokenSignature)),
        ("garbage", "garbage".to_owned(), Err(Reason::TokenMalformed)),
        ("three dots", "...".to_owned(), Err(Reason::TokenMalformed)),
    ];
    check(&fixture, cases).await;
}

#[tokio::test]
async fn name_with_a_line_break_is_dropped() {
    let (key, jwk) = issuer_key();
    let fixture = Fixture::with_keys(&[jwk]).await;
    let token = key.sign(Algorithm::ES256, &claims(json!({ "name": "two\nlines" })));

    let caller = fixture.verifier.verify(&token, None).await.unwrap();

    assert_eq!(caller.user.unwrap().name, "");
}

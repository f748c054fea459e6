//! The algorithms that a published key verifies.

use jsonwebtoken::Algorithm::{
    self, ES256, ES384, EdDSA, HS256, PS256, PS384, PS512, RS256, RS384, RS512,
};
use serde_json::{Value, json};
use slipway_fault::Reason;

use crate::fixture::{Fixture, Key, alice, claims};

/// The key, its id, the edits of its JWK, the algorithm of the token, and whether the token is
/// accepted.
type Row<'a> = (&'a Key, &'static str, Value, Algorithm, bool);

/// Signs one token for each row, and verifies it with the keys of all rows.
async fn check(rows: Vec<Row<'_>>) {
    let mut jwks = vec![
        json!("not a key"),
        json!({ "kty": "EC", "crv": "P-521" }),
        json!({ "kty": "AKP", "kid": "later" }),
    ];
    for (key, id, edits, algorithm, _) in &rows {
        jwks.push(key.with_id(id).jwk(*algorithm, edits.clone()));
    }
    let fixture = Fixture::with_keys(&jwks).await;

    for (key, id, edits, algorithm, is_accepted) in rows {
        let token = key.with_id(id).sign(algorithm, &claims(json!({})));
        let want = if is_accepted { alice() } else { Err(Reason::TokenSignature) };
        assert_eq!(
            fixture.verify(&token).await,
            want,
            "key {id}, published with {edits}; token signed with {algorithm:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn key_verifies_only_algorithms_of_its_type_and_alg() {
    let p256 = Key::new(ES256, "p256");
    let p384 = Key::new(ES384, "p384");
    let ed = Key::new(EdDSA, "ed");
    let rsa = Key::new(RS256, "rsa");
    let secret = Key::from_secret(b"a secret that is published as a key", "secret");

    check(vec![
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
    ])
    .await;
}

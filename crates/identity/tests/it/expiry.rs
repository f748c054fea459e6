//! The expiry of a caller.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use slipway_fault::Reason;
use slipway_identity::{Caller, ServiceName};

use crate::fixture::{Fixture, Key, claims, now};

async fn fixture() -> (Fixture, Key) {
    let key = Key::new(Algorithm::ES256, "one");
    let fixture = Fixture::with_keys(&[key.jwk(Algorithm::ES256, json!({}))]).await;

    (fixture, key)
}

fn token_with_expiry(key: &Key, expiry: Value) -> String {
    key.sign(Algorithm::ES256, &claims(json!({ "exp": expiry })))
}

async fn verify(fixture: &Fixture, bearer: &str, on_behalf_of: Option<&str>) -> Caller {
    fixture.verifier.verify(bearer, on_behalf_of).await.unwrap()
}

#[tokio::test]
async fn caller_expires_with_the_users_token() {
    let (fixture, key) = fixture().await;
    let expiry = now() + 7;
    let user = token_with_expiry(&key, json!(expiry));
    let service = fixture.keys.service_token(ServiceName::Catalog);

    let own_call = verify(&fixture, &user, None).await;
    let service_call = verify(&fixture, &service, Some(&user)).await;

    let want = UNIX_EPOCH + Duration::from_secs(expiry + 30);
    for caller in [own_call, service_call] {
        assert_eq!(caller.expires_at, want);
        caller.require_unexpired(want - Duration::from_secs(1)).unwrap();
        assert_eq!(caller.require_unexpired(want).unwrap_err().reason(), Reason::TokenExpired);
    }
}

#[tokio::test]
async fn service_without_a_user_expires_with_its_own_token() {
    let (fixture, _) = fixture().await;
    let service = verify(&fixture, &fixture.keys.service_token(ServiceName::Catalog), None).await;

    let now = SystemTime::now();
    service.require_unexpired(now).unwrap();
    service.require_unexpired(now + Duration::from_secs(3_600)).unwrap_err();
}

#[tokio::test]
async fn expiry_beyond_the_calendar_is_accepted() {
    let (fixture, key) = fixture().await;
    let token = token_with_expiry(&key, json!(1e18));

    let caller = verify(&fixture, &token, None).await;

    caller.require_unexpired(SystemTime::now()).unwrap();
}

#[tokio::test]
async fn verified_token_is_refused_after_its_expiry() {
    let (fixture, key) = fixture().await;
    // Issuers' clocks may differ by 30 s, so this token is accepted for another second or two.
    let token = token_with_expiry(&key, json!(now() - 28));

    let caller = verify(&fixture, &token, None).await;
    let left = caller.expires_at.duration_since(SystemTime::now()).unwrap();
    tokio::time::sleep(left + Duration::from_millis(50)).await;

    let refused = fixture.verifier.verify(&token, None).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::TokenExpired);
}

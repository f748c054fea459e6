//! The identity layer: users, services, and services that act for users.

use std::convert::Infallible;

use jsonwebtoken::Algorithm;
use serde_json::json;
use slipway_fault::{Fault, Reason};
use slipway_identity::{
    Caller, IdentityLayer, ON_BEHALF_OF, ServiceName, ServiceSigner, SigningKey,
};
use tonic::Status;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::{Fixture, Key, claims, now};

type Headers<'a> = &'a [(&'static str, &'a str)];

/// A handler that returns the caller of its request in the extensions of the response.
async fn return_caller(request: http::Request<()>) -> Result<http::Response<String>, Infallible> {
    let mut response = http::Response::new(String::new());
    if let Some(caller) = request.extensions().get::<Caller>() {
        response.extensions_mut().insert(caller.clone());
    }

    Ok(response)
}

/// The caller that a handler finds, or the fault with which the layer refuses the call.
async fn call(
    fixture: &Fixture,
    path: &str,
    headers: Headers<'_>,
) -> Result<Option<Caller>, Fault> {
    let mut request = http::Request::new(());
    *request.uri_mut() = path.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }

    let layer = IdentityLayer::new(fixture.verifier.clone());
    let response = layer.layer(service_fn(return_caller)).oneshot(request).await.unwrap();

    match response.extensions().get::<Status>() {
        Some(status) => Err(Fault::from(status.clone())),
        None => Ok(response.extensions().get::<Caller>().cloned()),
    }
}

/// The service and the subject of the user, or the reason for which the call is refused.
type Identity<'a> = Result<(Option<ServiceName>, Option<&'a str>), Reason>;

async fn check(fixture: &Fixture, name: &str, headers: Headers<'_>, want: Identity<'_>) {
    let result = call(fixture, "/slipway.permission.v1.UserService/GetSelf", headers).await;

    let caller = result.map(|caller| caller.expect("the handler finds the caller"));
    let identity = match &caller {
        Ok(caller) => {
            let subject = caller.user.as_ref().map(|user| user.subject.as_str());
            Ok((caller.service, subject))
        }
        Err(fault) => Err(fault.reason()),
    };
    assert_eq!(identity, want, "{name}");
}

/// A fixture with a token of alice, and the key that signed it.
async fn fixture_with_user() -> (Fixture, Key, String) {
    let key = Key::new(Algorithm::ES256, "one");
    let fixture = Fixture::with_keys(&[key.jwk(Algorithm::ES256, json!({}))]).await;
    let token = key.sign(Algorithm::ES256, &claims(json!({})));

    (fixture, key, token)
}

#[tokio::test]
async fn call_without_a_bearer_token_is_refused() {
    let (fixture, _, user) = fixture_with_user().await;
    let without_space = format!("Bearer{user}");
    let missing = Err(Reason::TokenMissing);

    check(&fixture, "no header", &[], missing).await;
    check(&fixture, "a password", &[("authorization", "Basic abc")], missing).await;
    check(&fixture, "only a scheme", &[("authorization", "Bearer ")], missing).await;
    check(&fixture, "no space", &[("authorization", &without_space)], missing).await;
}

#[tokio::test]
async fn scheme_of_a_bearer_token_is_case_insensitive() {
    let (fixture, _, user) = fixture_with_user().await;

    for header in [format!("Bearer {user}"), format!("bearer {user}"), format!("BEARER   {user}")] {
        let want = Ok((None, Some("alice")));
        check(&fixture, &header, &[("authorization", &header)], want).await;
    }
}

#[tokio::test]
async fn service_acts_for_users_only() {
    let (fixture, key, user) = fixture_with_user().await;
    let service = fixture.keys.service_token(ServiceName::Catalog);
    let expired = key.sign(Algorithm::ES256, &claims(json!({ "exp": now() - 60 })));
    let header = format!("Bearer {service}");
    let catalog = Some(ServiceName::Catalog);

    let as_service = ("authorization", header.as_str());
    check(&fixture, "no user", &[as_service], Ok((catalog, None))).await;
    check(&fixture, "a user", &[as_service, (ON_BEHALF_OF, &user)], Ok((catalog, Some("alice"))))
        .await;
    check(
        &fixture,
        "an empty token",
        &[as_service, (ON_BEHALF_OF, "")],
        Err(Reason::TokenMalformed),
    )
    .await;
    check(
        &fixture,
        "an expired token",
        &[as_service, (ON_BEHALF_OF, &expired)],
        Err(Reason::TokenExpired),
    )
    .await;
    check(&fixture, "a service", &[as_service, (ON_BEHALF_OF, &service)], Err(Reason::TokenIssuer))
        .await;
}

#[tokio::test]
async fn user_cannot_act_for_a_user() {
    let (fixture, _, user) = fixture_with_user().await;
    let header = format!("Bearer {user}");

    let headers = [("authorization", header.as_str()), (ON_BEHALF_OF, &user)];
    check(&fixture, "a user", &headers, Err(Reason::ServiceOnly)).await;
}

#[tokio::test]
async fn service_token_signed_by_another_services_key_is_refused() {
    let key = Key::new(Algorithm::ES256, "one");
    let fixture = Fixture::with_keys(&[key.jwk(Algorithm::ES256, json!({}))]).await;
    let catalog_key =
        SigningKey::read(&fixture.keys.service_key_file(ServiceName::Catalog), "catalog").unwrap();
    let builder = ServiceSigner::new(ServiceName::Builder, catalog_key);
    let header = format!("Bearer {}", builder.token().unwrap());

    let headers = [("authorization", header.as_str())];
    check(&fixture, "the catalog's key", &headers, Err(Reason::TokenSignature)).await;
}

#[tokio::test]
async fn health_needs_no_token() {
    let key = Key::new(Algorithm::ES256, "one");
    let fixture = Fixture::with_keys(&[key.jwk(Algorithm::ES256, json!({}))]).await;
    assert!(call(&fixture, "/grpc.health.v1.Health/Check", &[]).await.unwrap().is_none());
}

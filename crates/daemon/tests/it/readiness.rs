//! When a server reports that it is ready.

use std::{
    fs,
    time::{Duration, Instant},
};

use slipway_daemon::Limits;
use slipway_identity::ServiceName;
use slipway_testrig::{
    identity::TestKeys,
    stack::{get_readyz, is_fully_ready},
};

use crate::fixture::{Fixture, TEST_TIMEOUT};

/// Waits for a response of `/readyz` with this status and this text.
async fn wait_for_readyz(fixture: &Fixture, status: &str, text: &str) -> String {
    let port = fixture.port + 1;
    let start = Instant::now();

    loop {
        let response = tokio::task::spawn_blocking(move || get_readyz(port)).await.unwrap();
        let response = response.unwrap_or_default();
        if response.starts_with(&format!("HTTP/1.1 {status}")) && response.contains(text) {
            return response;
        }
        assert!(start.elapsed() < TEST_TIMEOUT, "{response}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn server_is_not_ready_before_the_first_keys() {
    let keys = TestKeys::new();
    let jwks_file = keys.settings(ServiceName::Catalog).issuers.remove(0).jwks_file;
    let jwks = fs::read(&jwks_file).unwrap();
    fs::remove_file(&jwks_file).unwrap();

    let fixture = Fixture::start_with_keys(Limits::default(), keys).await;
    wait_for_readyz(&fixture, "503", "The keys of issuer `slipway-development` could not be read")
        .await;

    fs::write(&jwks_file, jwks).unwrap();
    let response = wait_for_readyz(&fixture, "200", "keys").await;
    assert!(is_fully_ready(&response), "{response}");
}

//! Loss of the broker and of the database: readiness names the missing one, accepted requests are
//! kept, and the services recover by themselves.

use std::time::Duration;

use slipway_testrig::{
    call::reason,
    stack::{SERVICES, is_fully_ready},
};
use slipway_wire::{builder::v1::BuildState, catalog::v1::ListImagesRequest};
use tonic::Code;

use crate::fixture::{BUILD_TIMEOUT, Fixture, full_on_own_servers, has_ended, wait_until};

/// Waits until the condition holds for the readiness of every service.
async fn wait_for_readiness(fixture: &Fixture, what: &str, is_wanted: impl Fn(&str) -> bool) {
    for service in SERVICES {
        wait_until(Duration::from_secs(60), async || {
            let readiness = fixture.stack.readiness(service);
            if readiness.as_deref().is_some_and(&is_wanted) {
                return Ok(());
            }
            Err(format!("{what}, {service}: {readiness:?}"))
        })
        .await;
    }
}

#[tokio::test]
async fn services_recover_from_the_loss_of_broker_and_database() {
    let Some((fixture, mut postgres, mut rabbitmq)) = full_on_own_servers().await else { return };
    let records = fixture.data.parent().unwrap().join("run");

    // RabbitMQ 3.10 cannot recover a quorum queue whose node is killed within a second of its
    // declaration, so a first build runs before the kill.
    let before = fixture.create_build(fixture.fake_apt_image("system", "before", "jq")).await;
    fixture.wait_for_succeeded_row(&before).await;

    rabbitmq.server.kill();
    wait_for_readiness(&fixture, "without broker", |readiness| {
        readiness.starts_with("HTTP/1.1 200")
            && readiness.contains("\"database\":\"ok\"")
            && !readiness.contains("\"broker\":\"ok\"")
    })
    .await;
    let meanwhile = fixture.create_build(fixture.fake_apt_image("system", "meanwhile", "jq")).await;
    rabbitmq.restart(&records).unwrap();
    wait_for_readiness(&fixture, "after the broker's restart", is_fully_ready).await;
    // The test does not call the builder: GetBuild would make it fetch the request from the
    // catalog.
    fixture.wait_for_succeeded_row(&meanwhile).await;

    postgres.server.kill();
    wait_for_readiness(&fixture, "without database", |readiness| {
        readiness.starts_with("HTTP/1.1 503") && !readiness.contains("\"database\":\"ok\"")
    })
    .await;
    let status = fixture.list_images("admin", ListImagesRequest::default()).await.unwrap_err();
    assert_eq!(reason(&status), "DATABASE_UNAVAILABLE");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(!status.message().contains("127.0.0.1"), "{}", status.message());

    postgres.restart(&records).unwrap();
    wait_for_readiness(&fixture, "after the database's restart", is_fully_ready).await;
    let afterwards =
        fixture.create_build(fixture.fake_apt_image("system", "afterwards", "jq")).await;
    let build = fixture.wait_for_build(&afterwards, BUILD_TIMEOUT, has_ended).await;
    assert_eq!(build.state(), BuildState::Succeeded);
}

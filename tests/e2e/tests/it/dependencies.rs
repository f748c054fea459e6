//! Dependencies that go away: readiness tells which, requests that can be kept are kept, and everything heals.

use std::time::{Duration, Instant};

use slipway_testrig::stack::{SERVICES, is_whole};
use slipway_wire::{builder::v1::BuildState, catalog::v1::ListImagesRequest};
use tonic::Code;

use crate::world::{World, ended, full_on_own_servers, reason};

/// Waits until every service's readiness is as wanted.
async fn readiness(world: &World, what: &str, is_wanted: impl Fn(&str) -> bool) {
    let began = Instant::now();
    for service in SERVICES {
        while !world.stack.readiness(service).is_some_and(|answer| is_wanted(&answer)) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{service}, {what}: {:?}",
                world.stack.readiness(service)
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn the_broker_and_the_database_go_away() {
    let Some((world, mut postgres, mut rabbitmq)) = full_on_own_servers().await else { return };
    let records = world.data.parent().unwrap().join("run");

    // A quorum queue that is killed with its node within a second of its first declaration does not come back (RabbitMQ 3.10).
    let before = world
        .create(world.puppet("system", "before", "jq"))
        .await
        .image
        .unwrap()
        .latest_build
        .unwrap()
        .build_id;
    let state = format!("select state as row from build where id = '{before}'");
    world
        .wait_for_rows("builder", &state, Duration::from_secs(120), |rows| rows == ["succeeded"])
        .await;

    rabbitmq.server.kill();
    readiness(&world, "the broker is gone", |answer| {
        answer.starts_with("HTTP/1.1 200")
            && answer.contains("\"database\":\"ok\"")
            && !answer.contains("\"broker\":\"ok\"")
    })
    .await;
    let created = world.create(world.puppet("system", "meanwhile", "jq")).await.image.unwrap();
    let build = created.latest_build.unwrap().build_id;
    rabbitmq.restart(&records).unwrap();
    readiness(&world, "the broker is back", is_whole).await;
    // Accepted while the broker was away, built when it is back; nobody asks the builder, which would make it fetch the request.
    let state = format!("select state as row from build where id = '{build}'");
    world
        .wait_for_rows("builder", &state, Duration::from_secs(120), |rows| rows == ["succeeded"])
        .await;

    postgres.server.kill();
    readiness(&world, "the database is gone", |answer| {
        answer.starts_with("HTTP/1.1 503") && !answer.contains("\"database\":\"ok\"")
    })
    .await;
    let status = world
        .images()
        .list_images(world.call("admin", ListImagesRequest::default()))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "DATABASE_UNAVAILABLE")
    );
    assert!(!status.message().contains("127.0.0.1"), "{}", status.message());
    postgres.restart(&records).unwrap();
    readiness(&world, "the database is back", is_whole).await;
    let again = world.create(world.puppet("system", "afterwards", "jq")).await.image.unwrap();
    let build = world
        .wait_for_build(&again.latest_build.unwrap().build_id, Duration::from_secs(120), ended)
        .await;
    assert_eq!(build.state(), BuildState::Succeeded);
}

//! `EventService.Watch`: for platform readers alone, by type and subject, from a position, without commands.

use std::time::{Duration, Instant};

use slipway_testrig::stack::SERVICES;
use slipway_wire::{
    builder::v1::{BuildState, CancelBuildRequest},
    event::v1::{Event, WatchRequest, WatchResponse, event_service_client::EventServiceClient},
};
use tonic::{Code, Status, Streaming, transport::Channel};

use crate::world::{World, ended, reason, standalone};

const PATIENCE: Duration = Duration::from_secs(20);

async fn watch(
    world: &World,
    service: &str,
    subject: &str,
    request: WatchRequest,
) -> Result<Streaming<WatchResponse>, Status> {
    let number = SERVICES.iter().position(|name| *name == service).unwrap();
    let channel =
        Channel::from_shared(world.stack.environment()[number].1.clone()).unwrap().connect_lazy();
    EventServiceClient::new(channel)
        .watch(world.call(subject, request))
        .await
        .map(tonic::Response::into_inner)
}

/// The admin's events of the catalog, up to the first that is looked for.
async fn until(
    world: &World,
    request: WatchRequest,
    is_last: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let stream = watch(world, "catalog", "admin", request).await.unwrap();
    read(stream, is_last).await
}

async fn read(
    mut stream: Streaming<WatchResponse>,
    is_last: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let mut events = Vec::new();
    let reading = async {
        loop {
            let event = stream
                .message()
                .await
                .unwrap()
                .expect("the stream does not end by itself")
                .event
                .unwrap();
            events.push(event);
            if events.last().is_some_and(&is_last) {
                return;
            }
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, reading).await;
    outcome.unwrap_or_else(|_| panic!("the last one does not come; got {events:#?}"));
    events
}

#[tokio::test]
async fn platform_readers_alone_watch() {
    let Some(world) = standalone().await else { return };
    world.user("alice").await;
    for service in SERVICES {
        let status = watch(&world, service, "alice", WatchRequest::default()).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::PermissionDenied, "ROLE_MISSING"),
            "{service}"
        );
        watch(&world, service, "admin", WatchRequest::default()).await.unwrap();
    }
    let status = watch(
        &world,
        "catalog",
        "admin",
        WatchRequest { after_position: -1, ..Default::default() },
    )
    .await
    .unwrap_err();
    assert_eq!(reason(&status), "FIELD_INVALID");
}

#[tokio::test]
async fn events_are_filtered_and_resumed() {
    let Some(world) = standalone().await else { return };
    let [first, second, last] = [
        world.create(world.existing("system", "first")).await.image.unwrap().id,
        world.create(world.existing("system", "second")).await.image.unwrap().id,
        world.create(world.existing("system", "last")).await.image.unwrap().id,
    ];
    let is_last =
        |event: &Event| event.subject == last && event.r#type == "catalog.revision.activated";
    let all = until(&world, WatchRequest::default(), is_last).await;
    for event in &all {
        assert_eq!(
            (event.source.as_str(), event.datacontenttype.as_str(), event.dataschemaversion),
            ("catalog", "application/json", 1)
        );
        assert!(!event.id.is_empty() && event.time.is_some(), "{event:?}");
        let data = serde_json::to_value(event.data.clone().unwrap()).unwrap();
        assert_eq!(data["imageId"], event.subject.as_str(), "{data}");
    }
    for subject in [&first, &second, &last] {
        let numbers: Vec<i64> = all
            .iter()
            .filter(|event| event.subject == *subject)
            .map(|event| event.sequence)
            .collect();
        assert_eq!(
            numbers,
            (1..).take(numbers.len()).collect::<Vec<_>>(),
            "1, 2, 3 … without gaps"
        );
    }
    assert_eq!(
        all.iter().map(|event| event.position).collect::<Vec<_>>(),
        (1..).take(all.len()).collect::<Vec<_>>()
    );

    // What a filter gives is what is there of it, in the same order.
    let told = async |types: &[&str], subject: &str, last_type: &str| {
        let types = types.iter().map(ToString::to_string).collect();
        let request = WatchRequest { types, subject: subject.to_owned(), ..Default::default() };
        let about = if subject.is_empty() { last.as_str() } else { subject };
        until(&world, request, |event| event.subject == about && event.r#type == last_type).await
    };
    let expected = |is_wanted: &dyn Fn(&Event) -> bool| {
        all.iter().filter(|event| is_wanted(event)).cloned().collect::<Vec<_>>()
    };
    let created = told(&["catalog.image.created"], "", "catalog.image.created").await;
    assert_eq!(
        created.iter().map(|event| &event.subject).collect::<Vec<_>>(),
        [&first, &second, &last]
    );
    let revisions = told(&["catalog.revision.*"], "", "catalog.revision.activated").await;
    assert_eq!(revisions, expected(&|event| event.r#type.starts_with("catalog.revision.")));
    let about_first = told(&[], &first, "catalog.revision.activated").await;
    assert_eq!(about_first, expected(&|event| event.subject == first));
    let both = told(
        &["catalog.image.created", "catalog.revision.activated"],
        &second,
        "catalog.revision.activated",
    )
    .await;
    assert_eq!(
        both,
        expected(&|event| event.subject == second && !event.r#type.ends_with("ready"))
    );

    // From anywhere: the rest, no more and no less.
    for (index, event) in all.iter().enumerate().take(all.len() - 1) {
        let rest = until(
            &world,
            WatchRequest { after_position: event.position, ..Default::default() },
            is_last,
        )
        .await;
        assert_eq!(rest, all[index + 1..], "after {}", event.position);
    }

    // What is over is left out, what comes is told.
    let latest =
        watch(&world, "catalog", "admin", WatchRequest { latest: true, ..Default::default() })
            .await
            .unwrap();
    let next = world.create(world.existing("system", "next")).await.image.unwrap().id;
    let news = read(latest, |event| event.subject == next).await;
    assert_eq!(
        news.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(),
        [next.as_str()]
    );
    assert_eq!(news[0].position, all.last().unwrap().position + 1);
}

#[tokio::test]
async fn commands_are_hidden() {
    let Some(world) = standalone().await else { return };
    let build = world
        .create(world.custom("system", "built", &["jq"]))
        .await
        .image
        .unwrap()
        .latest_build
        .unwrap()
        .build_id;
    let sql = "select cast(position as text) as row from outbox where kind = 'catalog.build.requested' and position is not null";
    let began = Instant::now();
    let mut command = world.rows("catalog", sql).await;
    while command.is_empty() {
        assert!(began.elapsed() < PATIENCE, "the command is not published");
        tokio::time::sleep(Duration::from_millis(50)).await;
        command = world.rows("catalog", sql).await;
    }
    let command: i64 = command[0].parse().unwrap();
    world
        .builds()
        .cancel_build(world.call("admin", CancelBuildRequest { build_id: build.clone() }))
        .await
        .unwrap();

    let behind = world.create(world.existing("system", "behind")).await.image.unwrap().id;
    let seen = until(&world, WatchRequest::default(), |event| {
        event.subject == behind && event.position > command
    })
    .await;
    assert!(
        seen.iter()
            .all(|event| event.position != command && event.r#type != "catalog.build.requested"),
        "{seen:#?}"
    );
    assert!(seen.iter().any(|event| event.position < command), "what was there before it is told");
    let asked_for = WatchRequest {
        types: vec!["catalog.build.requested".to_owned(), "catalog.image.created".to_owned()],
        ..Default::default()
    };
    let seen = until(&world, asked_for, |event| event.subject == behind).await;
    assert!(
        seen.iter().all(|event| event.r#type == "catalog.image.created"),
        "not even by name: {seen:#?}"
    );
    let build = world.wait_for_build(&build, PATIENCE, ended).await;
    assert_eq!(build.state(), BuildState::Cancelled);
}

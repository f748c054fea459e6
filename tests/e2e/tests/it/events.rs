//! `EventService.Watch`: filters by type and subject, positions, hidden commands.

use std::time::Duration;

use slipway_testrig::call::reason;
use slipway_wire::{
    builder::v1::BuildState,
    event::v1::{Event, WatchRequest, WatchResponse, event_service_client::EventServiceClient},
};
use tonic::{Response, Status, Streaming};

use crate::fixture::{Fixture, has_ended, standalone};

const TIMEOUT: Duration = Duration::from_secs(20);

const CREATED: &str = "catalog.image.created";
const ACTIVATED: &str = "catalog.revision.activated";
const BUILD_REQUESTED: &str = "catalog.build.requested";

/// Watches the catalog's events as the admin.
async fn watch(
    fixture: &Fixture,
    request: WatchRequest,
) -> Result<Streaming<WatchResponse>, Status> {
    EventServiceClient::new(fixture.channel("catalog"))
        .watch(fixture.request("admin", request))
        .await
        .map(Response::into_inner)
}

/// Watches events up to the first one for which the condition holds.
async fn watch_until(
    fixture: &Fixture,
    request: WatchRequest,
    is_last: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let stream = watch(fixture, request).await.unwrap();
    read_until(stream, is_last).await
}

async fn read_until(
    mut stream: Streaming<WatchResponse>,
    is_last: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let mut events = Vec::new();
    let read = async {
        while !events.last().is_some_and(&is_last) {
            let response = stream.message().await.unwrap().expect("the stream ended");
            events.push(response.event.unwrap());
        }
    };

    let outcome = tokio::time::timeout(TIMEOUT, read).await;
    assert!(outcome.is_ok(), "the last event does not come; got {events:#?}");
    events
}

/// Creates an image. Returns its id.
async fn create_image(fixture: &Fixture, name: &str) -> String {
    fixture.create(fixture.existing_image("system", name)).await.image.unwrap().id
}

/// The events of a list for which the condition holds.
fn matching(events: &[Event], is_wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    events.iter().filter(|event| is_wanted(event)).cloned().collect()
}

fn subjects(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.subject.as_str()).collect()
}

fn filter(types: &[&str], subject: &str) -> WatchRequest {
    WatchRequest {
        types: types.iter().map(ToString::to_string).collect(),
        subject: subject.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn events_have_complete_envelopes_and_no_gaps_in_their_numbers() {
    let Some(fixture) = standalone().await else { return };
    let first = create_image(&fixture, "first").await;
    let last = create_image(&fixture, "last").await;
    let is_last = |event: &Event| event.subject == last && event.r#type == ACTIVATED;

    let all = watch_until(&fixture, WatchRequest::default(), is_last).await;

    for event in &all {
        assert_eq!(event.source, "catalog");
        assert_eq!(event.datacontenttype, "application/json");
        assert_eq!(event.dataschemaversion, 1);
        assert!(!event.id.is_empty() && event.time.is_some(), "{event:?}");
        let data = serde_json::to_value(event.data.clone().unwrap()).unwrap();
        assert_eq!(data["imageId"], event.subject.as_str(), "{data}");
    }

    for subject in [&first, &last] {
        let of_subject = matching(&all, |event| event.subject == *subject);
        let sequences: Vec<i64> = of_subject.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..).take(sequences.len()).collect::<Vec<_>>());
    }
    let positions: Vec<i64> = all.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..).take(positions.len()).collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_keep_the_matching_events_in_order() {
    let Some(fixture) = standalone().await else { return };
    let first = create_image(&fixture, "first").await;
    let second = create_image(&fixture, "second").await;
    let last = create_image(&fixture, "last").await;
    let is_last = |event: &Event| event.subject == last && event.r#type == ACTIVATED;
    let all = watch_until(&fixture, WatchRequest::default(), is_last).await;

    let is_last_created = |event: &Event| event.subject == last;
    let created = watch_until(&fixture, filter(&[CREATED], ""), is_last_created).await;
    assert_eq!(subjects(&created), [&first, &second, &last]);

    let revisions = watch_until(&fixture, filter(&["catalog.revision.*"], ""), is_last).await;
    let is_of_revision = |event: &Event| event.r#type.starts_with("catalog.revision.");
    assert_eq!(revisions, matching(&all, is_of_revision));

    let is_activated = |event: &Event| event.r#type == ACTIVATED;
    let of_first = watch_until(&fixture, filter(&[], &first), is_activated).await;
    assert_eq!(of_first, matching(&all, |event| event.subject == first));

    let both = watch_until(&fixture, filter(&[CREATED, ACTIVATED], &second), is_activated).await;
    let is_expected = |event: &Event| event.subject == second && !event.r#type.ends_with("ready");
    assert_eq!(both, matching(&all, is_expected));
}

#[tokio::test]
async fn watch_from_a_position_gets_exactly_the_later_events() {
    let Some(fixture) = standalone().await else { return };
    create_image(&fixture, "first").await;
    create_image(&fixture, "second").await;
    let last = create_image(&fixture, "last").await;
    let is_last = |event: &Event| event.subject == last && event.r#type == ACTIVATED;
    let all = watch_until(&fixture, WatchRequest::default(), is_last).await;

    for (index, event) in all.iter().enumerate().take(all.len() - 1) {
        let request = WatchRequest { after_position: event.position, ..Default::default() };
        let rest = watch_until(&fixture, request, is_last).await;
        assert_eq!(rest, all[index + 1..], "after {}", event.position);
    }

    let latest = WatchRequest { latest: true, ..Default::default() };
    let stream = watch(&fixture, latest).await.unwrap();
    let next = create_image(&fixture, "next").await;
    let events = read_until(stream, |event| event.subject == next).await;
    assert_eq!(subjects(&events), [next.as_str()]);
    assert_eq!(events[0].position, all.last().unwrap().position + 1);

    let negative = WatchRequest { after_position: -1, ..Default::default() };
    let status = watch(&fixture, negative).await.unwrap_err();
    assert_eq!(reason(&status), "FIELD_INVALID");
}

#[tokio::test]
async fn commands_are_not_shown_as_events() {
    let Some(fixture) = standalone().await else { return };
    let request = fixture.custom_image("system", "built", &["jq"]);
    let build = fixture.create_build(request).await;
    let sql = format!(
        "select cast(position as text) as row from outbox \
         where event_type = '{BUILD_REQUESTED}' and position is not null"
    );
    let rows = fixture.wait_for_rows("catalog", &sql, TIMEOUT, |rows| !rows.is_empty()).await;
    let command: i64 = rows[0].parse().unwrap();
    fixture.cancel(&build).await;

    let later = create_image(&fixture, "later").await;
    let is_last = |event: &Event| event.subject == later && event.position > command;
    let events = watch_until(&fixture, WatchRequest::default(), is_last).await;
    let is_command = |event: &Event| event.position == command || event.r#type == BUILD_REQUESTED;
    assert!(!events.iter().any(is_command), "{events:#?}");
    assert!(events.iter().any(|event| event.position < command), "no event before the command");

    let by_name = filter(&[BUILD_REQUESTED, CREATED], "");
    let events = watch_until(&fixture, by_name, |event| event.subject == later).await;
    assert!(events.iter().all(|event| event.r#type == CREATED), "{events:#?}");

    let build = fixture.wait_for_build(&build, TIMEOUT, has_ended).await;
    assert_eq!(build.state(), BuildState::Cancelled);
}

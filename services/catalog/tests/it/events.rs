//! The JSON that consumers of messages read, one file for each type. A renamed field would break
//! them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use slipway_catalog::{
    domain::{
        access::{Access, AccessChange},
        build::BuildState,
        image::{Image, ImageEvent, NewImage},
        revision::{Revision, RevisionEvent},
    },
    store::access::CommitAccessOutcome,
};
use slipway_names::{
    id::{GroupId, ImageId},
    unit::{LogPosition, PolicyVersion},
};
use slipway_outbox::entries_after;
use strum::VariantArray as _;
use uuid::Uuid;

use crate::fixtures::{Fixture, build_of, custom, existing, image, policy_version, user};

slipway_testrig::on_both_databases!(
    messages_of_an_existing_image_match_the_json,
    messages_of_a_custom_image_match_the_json,
    message_of_a_cancelled_revision_matches_the_json
);

/// The JSON of each message, by its type without `catalog.`.
const JSON: [(&str, &str); 8] = [
    ("build.requested", include_str!("events/build.requested.json")),
    ("image.access_changed", include_str!("events/image.access_changed.json")),
    ("image.created", include_str!("events/image.created.json")),
    ("revision.activated", include_str!("events/revision.activated.json")),
    ("revision.building", include_str!("events/revision.building.json")),
    ("revision.cancelled", include_str!("events/revision.cancelled.json")),
    ("revision.failed", include_str!("events/revision.failed.json")),
    ("revision.ready", include_str!("events/revision.ready.json")),
];

async fn messages_of_an_existing_image_match_the_json(fixture: Fixture) {
    let (image, revision) = fixture.create(&sample(), existing()).await;

    let change = AccessChange::new(Access { global: true, ..Access::default() });
    fixture.store.begin_access_change(image.id, &change, None).await.unwrap();
    let committed =
        fixture.store.commit_access_change(image.id, &change, policy_version(2)).await.unwrap();
    assert!(matches!(committed, CommitAccessOutcome::Committed(_)));

    let messages = published(&fixture, &revision).await;
    check(&messages, &["image.created", "image.access_changed"]);
}

async fn messages_of_a_custom_image_match_the_json(fixture: Fixture) {
    let (image, first) = fixture.create(&sample(), custom()).await;
    check(&published(&fixture, &first).await, &["revision.building", "build.requested"]);

    fixture.apply(build_of(&first), BuildState::Succeeded, 5).await;
    check(&published(&fixture, &first).await, &["revision.ready", "revision.activated"]);

    let second = fixture.add(image.id, custom(), PolicyVersion::ZERO).await;
    fixture.apply(build_of(&second), BuildState::Failed, 5).await;
    check(&published(&fixture, &second).await, &["revision.failed"]);
}

async fn message_of_a_cancelled_revision_matches_the_json(fixture: Fixture) {
    let (_, revision): (Image, Revision) = fixture.create(&sample(), custom()).await;

    fixture.apply(build_of(&revision), BuildState::Cancelled, 5).await;
    check(&published(&fixture, &revision).await, &["revision.cancelled"]);
}

#[test]
fn every_message_type_has_its_json() {
    let mut want = BTreeSet::from(["build.requested".to_owned()]);
    want.extend(ImageEvent::VARIANTS.iter().map(|event| format!("image.{event}")));
    want.extend(RevisionEvent::VARIANTS.iter().map(|event| format!("revision.{event}")));

    let types: BTreeSet<String> =
        JSON.iter().map(|(event_type, _)| (*event_type).to_owned()).collect();
    assert_eq!(types, want);
}

/// An image of a group, with constants for its texts and ids.
fn sample() -> NewImage {
    NewImage {
        id: ImageId(Uuid::from_u128(0xa)),
        owner: Some(GroupId(Uuid::from_u128(0xd))),
        owner_name: "vision".to_owned(),
        display_name: "Tools".to_owned(),
        ..image("tools")
    }
}

/// The last message of each type, with constants instead of generated values. `revision` is the
/// one whose build the messages are about.
async fn published(fixture: &Fixture, revision: &Revision) -> BTreeMap<String, Value> {
    // As the relay does, except for the constants.
    let positions = "update outbox set time = 1800000000123456,
        position = (select count(*) from outbox earlier where earlier.id <= outbox.id),
        traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'";
    fixture.execute(positions).await;
    let build = revision.build.as_ref().map(|build| build.id.to_string());

    let entries = entries_after(fixture.store.database(), "catalog", LogPosition::ZERO, 100).await;
    let messages = entries.unwrap().into_iter().map(|entry| {
        let text = String::from_utf8(entry.envelope.encode()).unwrap();
        let mut text = text.replace(&user("alice").to_string(), &Uuid::from_u128(0xc).to_string());
        if let Some(build) = &build {
            text = text.replace(build, &Uuid::from_u128(0xb).to_string());
        }

        let mut message: Value = serde_json::from_str(&text).unwrap();
        message["id"] = Uuid::from_u128(0xe).to_string().into();
        replace_request_time(&mut message["data"]);
        (entry.envelope.event_type, message)
    });
    messages.collect()
}

/// The time is that of the database's clock, so only its form is compared.
fn replace_request_time(data: &mut Value) {
    let Some(time) = data.get_mut("requestTime") else { return };

    let text = time.as_str().unwrap();
    assert!(text.parse::<chrono::DateTime<chrono::Utc>>().is_ok(), "{text}");
    *time = "2027-01-15T08:00:00.123456Z".into();
}

fn check(messages: &BTreeMap<String, Value>, types: &[&str]) {
    for event_type in types {
        let (_, text) = JSON.iter().find(|(name, _)| name == event_type).unwrap();
        let want: Value = serde_json::from_str(text).unwrap();

        let message = &messages[&format!("catalog.{event_type}")];
        assert_eq!(message, &want, "{message:#}");
    }
}

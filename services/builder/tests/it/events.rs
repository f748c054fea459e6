//! What consumers of events read, written out: a field that changes its name here breaks them all.

use sea_orm::ConnectionTrait as _;
use slipway_builder::{
    app::queue::Queue as _,
    domain::{
        arrow::{Arrow, Guard},
        build::Request,
        failure::{Failure, FailureReason},
        state::Event,
    },
};
use slipway_names::id::{BuildId, ImageId, UserId};
use uuid::Uuid;

use crate::worlds::{World, request};

/// `BuildStateChanged` in its envelope.
const FAILED: &str = r#"{
    "specversion": "1.0",
    "id": "00000000-0000-0000-0000-00000000000e",
    "type": "builder.build.failed",
    "source": "/slipway/builder",
    "subject": "00000000-0000-0000-0000-00000000000b",
    "time": "2027-01-15T08:00:00.123456Z",
    "datacontenttype": "application/json",
    "dataschemaversion": 1,
    "sequence": "3",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "data": {
        "buildId": "00000000-0000-0000-0000-00000000000b",
        "imageId": "00000000-0000-0000-0000-00000000000a",
        "imageName": "vision/tools",
        "revision": 7,
        "requester": "00000000-0000-0000-0000-00000000000c",
        "state": "BUILD_STATE_FAILED",
        "attempt": 1,
        "step": "apt",
        "failure": {
            "failureClass": "FAILURE_CLASS_USER",
            "reason": "APT_FAILED",
            "step": "apt",
            "message": "no package `no-such-package`"
        },
        "reference": "",
        "digest": "",
        "platform": "",
        "sizeBytes": "0",
        "queueMs": "0",
        "runMs": "0"
    }
}"#;

async fn the_envelope_is_as_written_out(world: World) {
    let (store, database) = (&world.store, world.store.database());
    // Asked for in the future, so that it has not waited.
    let asked = Request {
        id: BuildId(Uuid::from_u128(0xb)),
        image: ImageId(Uuid::from_u128(0xa)),
        requester: UserId(Uuid::from_u128(0xc)),
        revision: 7,
        request_time: 9_000_000_000_000_000,
        ..request("base", &["no-such-package"])
    };
    store.enqueue(&asked).await.unwrap();
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    let failure = Failure::new(FailureReason::AptFailed, "apt", "no package `no-such-package`");
    store
        .arrow(asked.id, Guard::Attempt(1), &Arrow::failed(Event::UserFault, failure))
        .await
        .unwrap()
        .unwrap();

    let sql = "update outbox set position = 1, id = $1, time = $2, traceparent = $3 where kind = 'builder.build.failed'";
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let values =
        [Uuid::from_u128(0xe).into(), 1_800_000_000_123_456_i64.into(), traceparent.into()];
    assert_eq!(
        database
            .writer()
            .execute_raw(database.statement(sql, values))
            .await
            .unwrap()
            .rows_affected(),
        1
    );
    let entries = slipway_outbox::after(database, "builder", 0, 10).await.unwrap();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    let mut document: serde_json::Value = serde_json::from_slice(&entry.envelope.encode()).unwrap();
    // The one thing that only a clock knows.
    let run_ms = document["data"]["runMs"].as_str().expect("64 bits are a string").to_owned();
    assert!(run_ms.parse::<i64>().is_ok_and(|milliseconds| milliseconds >= 0), "{run_ms}");
    document["data"]["runMs"] = "0".into();
    assert_eq!(document, serde_json::from_str::<serde_json::Value>(FAILED).unwrap());
}

slipway_testrig::on_both_databases!(the_envelope_is_as_written_out);

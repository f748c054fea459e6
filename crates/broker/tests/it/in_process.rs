//! The twin: a confirm means that every consumer has committed, and it misbehaves on demand.

use std::sync::Arc;

use slipway_broker::{
    Broker as _, InProcess, Mischief,
    topology::{BUILDER_REQUESTS, CATALOG_BUILDS},
};
use tokio_util::sync::CancellationToken;

use crate::{
    contract::contract,
    recorder::{Recorder, message},
};

#[tokio::test]
async fn in_process_keeps_the_contract() {
    let broker = InProcess::default();
    contract(Arc::new(broker.clone()), Arc::new(broker.clone())).await;
    assert_eq!(
        broker.take_dead_letter(BUILDER_REQUESTS).await.unwrap(),
        None,
        "one dead letter, taken once"
    );
}

#[tokio::test]
async fn in_process_confirms_only_what_is_consumed() {
    let broker = InProcess::default();
    let unheard = message(BUILDER_REQUESTS.key, "x", 1, "ack");
    assert!(broker.publish(&unheard).await.is_err(), "nobody consumes yet");
    assert!(
        broker.publish(&message("permission.group.created", "x", 1, "ack")).await.is_ok(),
        "an event without a queue is not lost: it stays in the log"
    );
}

#[tokio::test]
async fn in_process_misbehaves_on_demand() {
    let broker = InProcess::default();
    let recorder = Arc::new(Recorder::default());
    let stop = CancellationToken::new();
    tokio::spawn({
        let (broker, recorder, stop) = (broker.clone(), recorder.clone(), stop.clone());
        async move { broker.consume(CATALOG_BUILDS, recorder, stop).await }
    });
    tokio::task::yield_now().await;
    broker.set_mischief(Mischief { duplicate: true, reorder: true, lost_confirms: 1 });
    let first = message("builder.build.queued", "b", 1, "ack");
    assert!(broker.publish(&first).await.is_err(), "delivered, but the confirm is lost");
    broker.publish(&message("builder.build.preparing", "b", 2, "ack")).await.unwrap();
    let sequences: Vec<i64> = recorder.of("b").iter().map(|envelope| envelope.sequence).collect();
    assert_eq!(sequences, [1, 1, 2, 2, 1]);
    stop.cancel();
}

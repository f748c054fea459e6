//! The in-process adapter: a confirm means that every consumer has committed, and faults can be
//! injected.

use std::sync::Arc;

use slipway_broker::{
    Broker as _, FaultInjection, InProcess,
    topology::{BUILDER_REQUESTS, CATALOG_BUILDS},
};
use tokio_util::sync::CancellationToken;

use crate::{
    contract::check_contract,
    recorder::{Recorder, message},
};

#[tokio::test]
async fn in_process_keeps_the_contract() {
    let broker = InProcess::default();
    check_contract(Arc::new(broker.clone()), Arc::new(broker.clone())).await;

    let another = broker.take_dead_letter(BUILDER_REQUESTS).await.unwrap();
    assert_eq!(another, None, "there was one dead letter, and it was taken once");
}

#[tokio::test]
async fn in_process_confirms_a_command_only_when_it_is_consumed() {
    let broker = InProcess::default();

    let command = message(BUILDER_REQUESTS.key, "x", 1, "ack");
    assert!(broker.publish(&command).await.is_err(), "the queue has no consumer yet");

    let event = message("permission.group.created", "x", 1, "ack");
    assert!(
        broker.publish(&event).await.is_ok(),
        "an event without a queue is not lost: it stays in the log"
    );
}

#[tokio::test]
async fn injected_faults_duplicate_reorder_and_lose_confirms() {
    let broker = InProcess::default();
    let recorder = Arc::new(Recorder::default());
    let stop = CancellationToken::new();
    start_consumer(&broker, &recorder, &stop);
    tokio::task::yield_now().await;

    broker.inject_faults(FaultInjection { duplicate: true, reorder: true, lost_confirms: 1 });
    let first = message("builder.build.queued", "b", 1, "ack");
    assert!(broker.publish(&first).await.is_err(), "delivered, but the confirm is lost");
    broker.publish(&message("builder.build.preparing", "b", 2, "ack")).await.unwrap();

    let sequences: Vec<i64> =
        recorder.of("b").iter().map(|envelope| envelope.sequence.get()).collect();
    assert_eq!(sequences, [1, 1, 2, 2, 1]);
    stop.cancel();
}

fn start_consumer(broker: &InProcess, recorder: &Arc<Recorder>, stop: &CancellationToken) {
    let broker = broker.clone();
    let handler = recorder.clone();
    let stop = stop.clone();
    tokio::spawn(async move { broker.consume(CATALOG_BUILDS, handler, stop).await });
}

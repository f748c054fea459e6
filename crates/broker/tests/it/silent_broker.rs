//! A broker that accepts connections but never responds: every wait ends, the connection is closed,
//! and a new one works.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use slipway_broker::{Broker as _, Rabbit, Settings, topology::BUILDER_REQUESTS};
use slipway_testrig::env;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::recorder::{Recorder, message};

/// The longest wait for the broker, and a margin.
const WAIT_TIMEOUT: Duration = Duration::from_secs(15);
/// The timeout of a health probe: shorter than the wait for the broker.
const PROBE_TIMEOUT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn silent_broker_is_given_up_and_its_sockets_are_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let broker = rabbit(format!("amqp://permission:permission@{address}/slipway"));

    let probe = tokio::spawn({
        let broker = broker.clone();
        async move { tokio::time::timeout(PROBE_TIMEOUT, broker.ping()).await }
    });
    let stop = CancellationToken::new();
    let consumer = tokio::spawn({
        let broker = broker.clone();
        let stop = stop.clone();
        async move { broker.consume(BUILDER_REQUESTS, Arc::new(Recorder::default()), stop).await }
    });

    let both_closed = tokio::time::timeout(WAIT_TIMEOUT, accept_two_until_closed(&listener));
    let (closed, ()) = tokio::join!(both_closed, check_publishes_fail_in_time(&broker, 20));
    closed.expect("both sockets are closed when their wait ends");
    probe.await.unwrap().expect_err("the probe's own timeout is shorter");

    stop.cancel();
    tokio::time::timeout(WAIT_TIMEOUT, consumer)
        .await
        .expect("the consumer stops while it connects")
        .unwrap();
}

#[tokio::test]
async fn connection_that_becomes_silent_is_replaced() {
    let Some(url) = env::server(env::RABBITMQ_PERMISSION) else { return };
    let (credentials, rest) = url.rsplit_once('@').unwrap();
    let (server, path) = rest.split_once('/').unwrap();

    let (passing, is_passing) = watch::channel(true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = rabbit(format!("{credentials}@{}/{path}", listener.local_addr().unwrap()));
    tokio::spawn(forward(listener, server.to_owned(), is_passing));

    let sent = message("permission.group.created", "before", 1, "ack");
    broker.publish(&sent).await.unwrap();

    passing.send_replace(false);
    check_publishes_fail_in_time(&broker, 20).await;

    passing.send_replace(true);
    let began = Instant::now();
    while let Err(error) = broker.publish(&sent).await {
        assert!(began.elapsed() < WAIT_TIMEOUT, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn rabbit(url: String) -> Arc<Rabbit> {
    Arc::new(Rabbit::new("permission", Settings { url, prefetch: 1 }))
}

async fn check_publishes_fail_in_time(broker: &Arc<Rabbit>, publishes: usize) {
    let mut waiting = JoinSet::new();
    for number in 0..publishes {
        let broker = broker.clone();
        let event = message("permission.group.created", &number.to_string(), 1, "ack");
        waiting.spawn(async move { broker.publish(&event).await });
    }

    let all_failed = async {
        while let Some(result) = waiting.join_next().await {
            result.unwrap().expect_err("the silent broker confirms nothing");
        }
    };
    tokio::time::timeout(WAIT_TIMEOUT, all_failed)
        .await
        .expect("all publishes wait at the same time, not one after another");
}

/// Accepts two connections, sends nothing, and returns when both were closed by the other side.
async fn accept_two_until_closed(listener: &TcpListener) {
    let (mut first, _) = listener.accept().await.unwrap();
    let (mut second, _) = listener.accept().await.unwrap();

    let mut bytes = Vec::new();
    first.read_to_end(&mut bytes).await.unwrap();
    second.read_to_end(&mut bytes).await.unwrap();
}

/// Forwards every connection to the server, while `is_passing`.
async fn forward(listener: TcpListener, server: String, is_passing: watch::Receiver<bool>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let upstream = TcpStream::connect(&server).await.unwrap();

        let (client_reads, client_writes) = client.into_split();
        let (server_reads, server_writes) = upstream.into_split();
        tokio::spawn(copy(client_reads, server_writes, is_passing.clone()));
        tokio::spawn(copy(server_reads, client_writes, is_passing.clone()));
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_passing: watch::Receiver<bool>,
) {
    let mut bytes = [0; 4_096];

    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        // `wait_for` returns a guard, which must be dropped before the next wait.
        let is_over = is_passing.wait_for(|is_passing| *is_passing).await.is_err();
        if is_over || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

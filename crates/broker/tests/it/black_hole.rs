//! A broker that is there but says nothing: every wait ends, the connection is thrown away, and a new one works.

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

/// The longest that anything may wait, and some.
const LONGEST: Duration = Duration::from_secs(15);

fn rabbit(url: String) -> Arc<Rabbit> {
    Arc::new(Rabbit::new("permission", Settings { url, prefetch: 1 }))
}

async fn fails_in_time(broker: &Arc<Rabbit>, publishes: usize) {
    let mut waiting = JoinSet::new();
    for number in 0..publishes {
        let broker = broker.clone();
        waiting.spawn(async move {
            broker
                .publish(&message("permission.group.created", &number.to_string(), 1, "ack"))
                .await
        });
    }
    let all = async {
        while let Some(answer) = waiting.join_next().await {
            answer.unwrap().expect_err("nobody can have confirmed it");
        }
    };
    tokio::time::timeout(LONGEST, all)
        .await
        .expect("all wait at the same time, none behind another");
}

#[tokio::test]
async fn a_silent_broker_is_given_up_and_its_sockets_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker =
        rabbit(format!("amqp://permission:permission@{}/slipway", listener.local_addr().unwrap()));
    let probed = tokio::spawn({
        let broker = broker.clone();
        // As health does.
        async move { tokio::time::timeout(Duration::from_millis(100), broker.ping()).await }
    });
    let stop = CancellationToken::new();
    let consuming = tokio::spawn({
        let (broker, stop) = (broker.clone(), stop.clone());
        async move { broker.consume(BUILDER_REQUESTS, Arc::new(Recorder::default()), stop).await }
    });
    let until_closed = async {
        let (mut one, _) = listener.accept().await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        one.read_to_end(&mut bytes).await.unwrap();
        other.read_to_end(&mut bytes).await.unwrap();
    };
    let (closed, ()) =
        tokio::join!(tokio::time::timeout(LONGEST, until_closed), fails_in_time(&broker, 20));
    closed.expect("what waits no longer keeps no socket");
    probed.await.unwrap().expect_err("a probe has less patience");
    stop.cancel();
    tokio::time::timeout(LONGEST, consuming).await.expect("stops while it connects").unwrap();
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_replaced() {
    let Some(url) = env::server("SLIPWAY_TEST_RABBITMQ_PERMISSION") else { return };
    let (credentials, rest) = url.rsplit_once('@').unwrap();
    let (server, path) = rest.split_once('/').unwrap();
    let (passing, is_passing) = watch::channel(true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = rabbit(format!("{credentials}@{}/{path}", listener.local_addr().unwrap()));
    tokio::spawn(forward(listener, server.to_owned(), is_passing));

    let sent = message("permission.group.created", "before", 1, "ack");
    broker.publish(&sent).await.unwrap();
    passing.send_replace(false);
    fails_in_time(&broker, 20).await;
    passing.send_replace(true);
    let began = Instant::now();
    while let Err(error) = broker.publish(&sent).await {
        assert!(began.elapsed() < LONGEST, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Hands on what arrives while it may, on every connection.
async fn forward(listener: TcpListener, server: String, is_passing: watch::Receiver<bool>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let upstream = TcpStream::connect(&server).await.unwrap();
        let ((client_reads, client_writes), (server_reads, server_writes)) =
            (client.into_split(), upstream.into_split());
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
        // The guard that it answers with must not live on into the next wait.
        let is_over = is_passing.wait_for(|is_passing| *is_passing).await.is_err();
        if is_over || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

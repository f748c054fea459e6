//! One connection to RabbitMQ with its channel and the service's declarations. After an error it is
//! discarded as a whole and never repaired.

use std::{
    future::Future,
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_rs::{Tokio, TokioRuntime, traits::Reactor};
use lapin::{
    AsyncTcpStream, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    tcp::OwnedTLSConfig,
    types::{AMQPValue, FieldTable},
    uri::{AMQPScheme, AMQPUri},
};
use tokio::time::timeout;

use crate::{
    BrokerError,
    topology::{COMMANDS, DEAD, DELIVERY_LIMIT, EVENTS, QUEUES, Queue},
};

/// The longest wait for any response of the broker.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds between heartbeats. A connection is closed after two intervals without one.
const HEARTBEAT_INTERVAL: u16 = 20;

type Stream = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

/// A connection and its channel.
pub(crate) struct AmqpSession {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    _socket: Socket,
}

impl AmqpSession {
    /// Connects and declares, within [`RESPONSE_TIMEOUT`] in all.
    pub(crate) async fn connect(service: &'static str, url: &str) -> Result<Self, BrokerError> {
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            BrokerError(
                "broker.url is not of the form amqp://user:password@host:port/vhost".to_owned(),
            )
        })?;
        uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT_INTERVAL));

        with_timeout("a connection", async {
            let properties = ConnectionProperties::default()
                .with_connection_name(format!("slipway-{service}").into());
            let socket = Socket::default();
            let connection = socket.connect(uri, properties).await?;
            let channel = connection.create_channel().await?;
            declare(&channel, service).await?;

            Ok(Self { connection, channel, _socket: socket })
        })
        .await
    }

    /// `false` when the connection or the channel is known to be lost.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }
}

/// Runs one operation of the broker within [`RESPONSE_TIMEOUT`]. After an error the session must
/// not be used any more.
pub(crate) async fn with_timeout<T>(
    what: &str,
    operation: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    match timeout(RESPONSE_TIMEOUT, operation).await {
        Ok(result) => result.map_err(|error| BrokerError(error.to_string())),
        Err(_) => {
            let seconds = RESPONSE_TIMEOUT.as_secs();
            Err(BrokerError(format!("no response to {what} within {seconds} s")))
        }
    }
}

/// The socket under a connection; dropping this closes it.
///
/// lapin keeps a thread and the socket of every connection until the other side has closed it,
/// which never happens when the network between them is cut.
#[derive(Default)]
struct Socket {
    /// Not set while connecting; `None` when this was dropped before the connection.
    stream: Arc<OnceLock<Option<TcpStream>>>,
}

impl Socket {
    async fn connect(
        &self,
        uri: AMQPUri,
        properties: ConnectionProperties,
    ) -> lapin::Result<Connection> {
        let socket = self.stream.clone();
        let runtime = lapin::runtime::default_runtime()?;
        let open = async move |uri: AMQPUri, runtime: TokioRuntime| {
            Ok(open_stream(&uri, &runtime, &socket).await?)
        };

        Connection::connector(uri, runtime, open, properties).await
    }
}

/// Opens the stream of a connection within [`RESPONSE_TIMEOUT`]. Puts a copy of its socket into
/// `socket`.
async fn open_stream(
    uri: &AMQPUri,
    runtime: &TokioRuntime,
    socket: &OnceLock<Option<TcpStream>>,
) -> io::Result<Stream> {
    let opening = async {
        let addresses = runtime.to_socket_addrs((uri.authority.host.clone(), uri.authority.port));
        let stream = AsyncTcpStream::connect(runtime, addresses).await?;

        let AsyncTcpStream::Plain(plain) = &stream else {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        };
        let copy = TcpStream::from(plain.get_ref().as_fd().try_clone_to_owned()?);
        // Fails when the `Socket` was dropped meanwhile: the caller has given up.
        socket.set(Some(copy)).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;

        let tls = OwnedTLSConfig::default();
        match uri.scheme {
            AMQPScheme::AMQP => Ok(stream),
            AMQPScheme::AMQPS => stream.into_tls(&uri.authority.host, tls.as_ref()).await,
        }
    };

    timeout(RESPONSE_TIMEOUT, opening).await?
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.stream.set(None);
        if let Some(Some(socket)) = self.stream.get() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Declares all exchanges, and the queues that the service consumes with their dead-letter queues.
async fn declare(channel: &Channel, service: &str) -> lapin::Result<()> {
    for (exchange, kind) in [
        (COMMANDS, ExchangeKind::Direct),
        (EVENTS, ExchangeKind::Topic),
        (DEAD, ExchangeKind::Direct),
    ] {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        channel.exchange_declare(exchange.into(), kind, options, FieldTable::default()).await?;
    }

    let own_prefix = format!("{service}.");
    for queue in QUEUES.iter().filter(|queue| queue.name.starts_with(&own_prefix)) {
        declare_dead_letter_queue(channel, *queue).await?;
        declare_queue(channel, *queue).await?;
    }
    Ok(())
}

async fn declare_dead_letter_queue(channel: &Channel, queue: Queue) -> lapin::Result<()> {
    let name = queue.dead_letter_queue();
    declare_and_bind(channel, &name, DEAD, queue.name, quorum_arguments()).await
}

async fn declare_queue(channel: &Channel, queue: Queue) -> lapin::Result<()> {
    let mut arguments = quorum_arguments();
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    for (argument, value) in [
        ("x-dead-letter-exchange", DEAD),
        ("x-dead-letter-routing-key", queue.name),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-overflow", "reject-publish"),
    ] {
        arguments.insert(argument.into(), AMQPValue::LongString(value.into()));
    }

    declare_and_bind(channel, queue.name, queue.exchange, queue.key, arguments).await
}

fn quorum_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}

async fn declare_and_bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    routing_key: &str,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), options, arguments).await?;

    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            routing_key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

//! One connection to RabbitMQ with its channel and what the service declares. It is thrown away whole: nothing here is mended.

use std::{
    future::Future,
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    tcp::OwnedTLSConfig,
    types::{AMQPValue, FieldTable},
    uri::{AMQPScheme, AMQPUri},
};
use tokio::time::timeout;

use crate::{
    PublishError,
    topology::{COMMANDS, DEAD, DELIVERY_LIMIT, EVENTS, QUEUES},
};

/// Longest wait for any answer of the broker.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds between heartbeats; a connection that stays silent for twice as long is over.
const HEARTBEAT: u16 = 20;

/// A channel to work with.
pub(crate) struct Open {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    _socket: Socket,
}

impl Open {
    /// Connects and declares, all within [`PATIENCE`].
    pub(crate) async fn connect(service: &'static str, url: &str) -> Result<Self, PublishError> {
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            PublishError(
                "broker.url is not of the form amqp://user:password@host:port/vhost".to_owned(),
            )
        })?;
        uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT));
        in_time("a connection", async {
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

    /// Whether it was not lost yet, as far as is known.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }
}

/// What the broker answers, if it does in time. After an error the connection is not to be used any more.
pub(crate) async fn in_time<T>(
    what: &str,
    operation: impl Future<Output = lapin::Result<T>>,
) -> Result<T, PublishError> {
    match timeout(PATIENCE, operation).await {
        Ok(answer) => answer.map_err(|error| PublishError(error.to_string())),
        Err(_) => Err(PublishError(format!("no answer to {what} in {} s", PATIENCE.as_secs()))),
    }
}

/// The socket under a connection, closed when this is dropped.
///
/// lapin keeps a thread and the socket of every connection until the other side has said good-bye, and who is cut off never does.
#[derive(Default)]
struct Socket(Arc<OnceLock<Option<TcpStream>>>);

impl Socket {
    async fn connect(
        &self,
        uri: AMQPUri,
        properties: ConnectionProperties,
    ) -> lapin::Result<Connection> {
        let socket = self.0.clone();
        Connection::connector(
            uri,
            lapin::runtime::default_runtime()?,
            async move |uri, runtime| {
                let connecting = async {
                    let addresses =
                        runtime.to_socket_addrs((uri.authority.host.clone(), uri.authority.port));
                    let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                    let AsyncTcpStream::Plain(plain) = &stream else {
                        return Err(io::Error::from(io::ErrorKind::Unsupported));
                    };
                    let copy = TcpStream::from(plain.get_ref().as_fd().try_clone_to_owned()?);
                    // Already set when nobody waits for this connection any more.
                    socket.set(Some(copy)).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
                    let tls = OwnedTLSConfig::default();
                    match uri.scheme {
                        AMQPScheme::AMQP => Ok(stream),
                        AMQPScheme::AMQPS => {
                            stream.into_tls(&uri.authority.host, tls.as_ref()).await
                        }
                    }
                };
                match timeout(PATIENCE, connecting).await {
                    Ok(stream) => Ok(stream?),
                    Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
                }
            },
            properties,
        )
        .await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.0.set(None);
        if let Some(Some(socket)) = self.0.get() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Declares what the service uses: all exchanges, and the queues it consumes or commands.
async fn declare(channel: &Channel, service: &str) -> lapin::Result<()> {
    for (exchange, kind) in [
        (COMMANDS, ExchangeKind::Direct),
        (EVENTS, ExchangeKind::Topic),
        (DEAD, ExchangeKind::Direct),
    ] {
        channel
            .exchange_declare(
                exchange.into(),
                kind,
                ExchangeDeclareOptions { durable: true, ..Default::default() },
                FieldTable::default(),
            )
            .await?;
    }
    for queue in QUEUES.iter().filter(|queue| queue.name.starts_with(&format!("{service}."))) {
        let quorum = |table: &mut FieldTable| {
            table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        };
        let mut dead = FieldTable::default();
        quorum(&mut dead);
        channel
            .queue_declare(
                queue.dead().into(),
                QueueDeclareOptions { durable: true, ..Default::default() },
                dead,
            )
            .await?;
        channel
            .queue_bind(
                queue.dead().into(),
                DEAD.into(),
                queue.name.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;

        let mut arguments = FieldTable::default();
        quorum(&mut arguments);
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD.into()));
        arguments
            .insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(queue.name.into()));
        arguments
            .insert("x-dead-letter-strategy".into(), AMQPValue::LongString("at-least-once".into()));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        channel
            .queue_declare(
                queue.name.into(),
                QueueDeclareOptions { durable: true, ..Default::default() },
                arguments,
            )
            .await?;
        channel
            .queue_bind(
                queue.name.into(),
                queue.exchange.into(),
                queue.key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(())
}

//! Every exchange, queue and binding, as data; `connection.rs` declares them. The routing key is
//! the event type.

/// Direct exchange; only the catalog may publish to it.
pub const COMMANDS: &str = "slipway.commands";
/// Topic exchange for events.
pub const EVENTS: &str = "slipway.events";
/// Direct exchange for dead letters, routed by queue name.
pub const DEAD: &str = "slipway.dead";

/// A durable quorum queue with its binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Queue {
    /// `<consumer>.<what>`
    pub name: &'static str,
    pub exchange: &'static str,
    /// Routing key, or a prefix ended by `.*`.
    pub key: &'static str,
}

/// Build requests to the builder.
pub const BUILDER_REQUESTS: Queue =
    Queue { name: "builder.requests", exchange: COMMANDS, key: "catalog.build.requested" };
/// Build events to the catalog.
pub const CATALOG_BUILDS: Queue =
    Queue { name: "catalog.builds", exchange: EVENTS, key: "builder.build.*" };

pub const QUEUES: &[Queue] = &[BUILDER_REQUESTS, CATALOG_BUILDS];

/// Deliveries of one message after which RabbitMQ dead-letters it.
pub const DELIVERY_LIMIT: i32 = 20;

impl Queue {
    /// The name of the queue that keeps this queue's dead letters.
    pub fn dead_letter_queue(self) -> String {
        format!("{}.dead", self.name)
    }

    /// Whether messages of this type are routed to the queue.
    pub fn receives(self, event_type: &str) -> bool {
        match self.key.strip_suffix('*') {
            Some(prefix) => event_type.starts_with(prefix),
            None => event_type == self.key,
        }
    }
}

/// Where messages of a type are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub exchange: &'static str,
    /// Whether a queue must take the message (AMQP's `mandatory`): one of ours receives it.
    pub is_mandatory: bool,
}

impl Route {
    pub fn of(event_type: &str) -> Self {
        let queue = QUEUES.iter().find(|queue| queue.receives(event_type));
        let exchange = queue.map_or(EVENTS, |queue| queue.exchange);

        Self { exchange, is_mandatory: queue.is_some() }
    }
}

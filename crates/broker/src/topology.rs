//! Every exchange, queue and binding, as data. Routing key = event type.

/// Direct; only the catalog may write here.
pub const COMMANDS: &str = "slipway.commands";
/// Topic; everything that happened.
pub const EVENTS: &str = "slipway.events";
/// Direct; what no consumer could handle, by queue name.
pub const DEAD: &str = "slipway.dead";

/// A durable quorum queue and what it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Queue {
    /// `<consumer>.<what>`
    pub name: &'static str,
    /// Where its messages come from.
    pub exchange: &'static str,
    /// Routing key, or a prefix ended by `.*`.
    pub key: &'static str,
}

/// The builder's requests.
pub const BUILDER_REQUESTS: Queue =
    Queue { name: "builder.requests", exchange: COMMANDS, key: "catalog.build.requested" };
/// What the catalog hears about builds.
pub const CATALOG_BUILDS: Queue =
    Queue { name: "catalog.builds", exchange: EVENTS, key: "builder.build.*" };

/// All of them.
pub const QUEUES: &[Queue] = &[BUILDER_REQUESTS, CATALOG_BUILDS];

/// Deliveries of one message before the broker itself dead-letters it.
pub const DELIVERY_LIMIT: i32 = 20;

impl Queue {
    /// Where its dead letters lie.
    pub fn dead(self) -> String {
        format!("{}.dead", self.name)
    }

    /// Whether messages of this type arrive here.
    pub fn receives(self, kind: &str) -> bool {
        match self.key.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => kind == self.key,
        }
    }
}

/// Where messages of this type are published, and whether nobody listening is a failure: it is for what one of our own queues must get.
pub fn exchange_of(kind: &str) -> (&'static str, bool) {
    let queue = QUEUES.iter().find(|queue| queue.receives(kind));
    (queue.map_or(EVENTS, |queue| queue.exchange), queue.is_some())
}

//! Configuration of the catalog; the keys are documented in deploy/README.md.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use slipway_daemon::{Limits, Listen, process::ServiceConfig};

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Addresses.
    pub listen: Listen,
    /// What callers may take.
    #[serde(default)]
    pub limits: Limits,
    /// Its own database.
    pub database: slipway_database::Settings,
    /// RabbitMQ; absent only in standalone.
    pub broker: Option<slipway_broker::Settings>,
    /// Whose tokens count.
    pub identity: slipway_identity::Settings,
    /// Logs and traces.
    #[serde(default)]
    pub telemetry: slipway_telemetry::Settings,
    /// Address of the permission service.
    #[serde(default = "default_permission")]
    pub permission_address: String,
    /// `host[:port]` of the registry that custom images are pushed to.
    pub registry: String,
    /// How to speak to registries.
    #[serde(default)]
    pub registries: slipway_registry::Settings,
    /// Seconds without news of grants after which nothing is resolved.
    #[serde(default = "default_stale_seconds")]
    pub access_stale_seconds: u64,
    /// Builds of one owner that may wait at once; one more is refused.
    #[serde(default = "default_waiting_builds")]
    pub waiting_builds_per_owner: u32,
    /// Whether pip lines may be `name @ https://…#sha256=…`; the builder has the same key.
    #[serde(default)]
    pub refuse_pip_urls: bool,
}

fn default_permission() -> String {
    "http://127.0.0.1:50051".to_owned()
}

fn default_stale_seconds() -> u64 {
    600
}

fn default_waiting_builds() -> u32 {
    100
}

impl ServiceConfig for Config {
    fn default_listen() -> Listen {
        Listen {
            grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_052)),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8_052)),
        }
    }

    fn database(&self) -> &slipway_database::Settings {
        &self.database
    }

    fn listen(&self) -> &Listen {
        &self.listen
    }

    fn telemetry(&self) -> &slipway_telemetry::Settings {
        &self.telemetry
    }
}

//! Configuration of the catalog service. deploy/README.md documents the keys.

use serde::{Deserialize, Serialize};
use slipway_authz::projection::state;
use slipway_daemon::{Limits, Listen, process::ServiceConfig};
use slipway_names::port;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: Listen,
    #[serde(default)]
    pub limits: Limits,
    pub database: slipway_database::Settings,
    /// RabbitMQ; `None` in the standalone process only.
    pub broker: Option<slipway_broker::Settings>,
    pub identity: slipway_identity::Settings,
    #[serde(default)]
    pub telemetry: slipway_telemetry::Settings,
    /// URL of the permission service.
    #[serde(default = "default_permission_address")]
    pub permission_address: String,
    /// `host[:port]` of the registry that custom images are pushed to.
    pub registry: String,
    #[serde(default)]
    pub registries: slipway_registry::RegistryConfig,
    /// Seconds without contact to permission after which no references are handed out.
    #[serde(default = "state::default_stale_seconds")]
    pub access_stale_seconds: u64,
    /// Seconds without contact to permission after which nothing is read.
    #[serde(default = "state::default_lost_seconds")]
    pub access_lost_seconds: u64,
    /// Builds of one owner that may wait at the same time.
    #[serde(default = "default_waiting_builds_per_owner")]
    pub waiting_builds_per_owner: u32,
    /// Refuses pip lines of the form `name @ https://…#sha256=…`. The builder has the same key.
    #[serde(default)]
    pub refuse_pip_urls: bool,
}

impl Config {
    /// A configuration with these values, without a broker; every other key has its default.
    pub fn new(
        database: slipway_database::Settings,
        identity: slipway_identity::Settings,
        registry: String,
    ) -> Self {
        Self {
            listen: Self::default_listen(),
            limits: Limits::default(),
            database,
            broker: None,
            identity,
            telemetry: slipway_telemetry::Settings::default(),
            permission_address: default_permission_address(),
            registry,
            registries: slipway_registry::RegistryConfig::default(),
            access_stale_seconds: state::default_stale_seconds(),
            access_lost_seconds: state::default_lost_seconds(),
            waiting_builds_per_owner: default_waiting_builds_per_owner(),
            refuse_pip_urls: false,
        }
    }
}

fn default_permission_address() -> String {
    port::PERMISSION.local_url()
}

fn default_waiting_builds_per_owner() -> u32 {
    100
}

impl ServiceConfig for Config {
    fn default_listen() -> Listen {
        Listen::on_loopback(port::CATALOG)
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

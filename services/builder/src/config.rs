//! Configuration of the builder. The keys are documented in `deploy/README.md`.

use serde::{Deserialize, Serialize};
use slipway_authz::projection::state;
use slipway_daemon::{Limits, Listen, process::ServiceConfig};
use slipway_names::port;

use crate::executor::buildah;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: Listen,
    /// Limits of requests and of calls at the same time.
    #[serde(default)]
    pub limits: Limits,
    pub database: slipway_database::Settings,
    /// RabbitMQ. Absent only in standalone, which has a broker in process.
    pub broker: Option<slipway_broker::Settings>,
    /// Issuers of accepted tokens, and the service's own key.
    pub identity: slipway_identity::Settings,
    #[serde(default)]
    pub telemetry: slipway_telemetry::Settings,
    /// URL of the permission service.
    #[serde(default = "default_permission_address")]
    pub permission_address: String,
    /// URL of the catalog.
    #[serde(default = "default_catalog_address")]
    pub catalog_address: String,
    #[serde(default)]
    pub registries: slipway_registry::RegistryConfig,
    pub executor: buildah::Settings,
    /// Builds at the same time. A replica with 0 answers calls and runs no builds.
    #[serde(default = "default_slots")]
    pub slots: usize,
    /// Longest duration of an attempt, in seconds.
    #[serde(default = "default_build_seconds")]
    pub build_seconds: u64,
    /// Longest time in the queue, in seconds.
    #[serde(default = "default_queue_seconds")]
    pub queue_seconds: u64,
    /// Seconds without contact to permission after which no references are handed out.
    #[serde(default = "state::default_stale_seconds")]
    pub access_stale_seconds: u64,
    /// Seconds without contact to permission after which nothing is read.
    #[serde(default = "state::default_lost_seconds")]
    pub access_lost_seconds: u64,
    /// Refuses pip lines of the form `name @ https://…#sha256=…`. The catalog has the same key.
    #[serde(default)]
    pub refuse_pip_urls: bool,
}

impl Config {
    /// A configuration with these values, without a broker; every other key has its default.
    pub fn new(
        database: slipway_database::Settings,
        identity: slipway_identity::Settings,
        executor: buildah::Settings,
    ) -> Self {
        Self {
            listen: Self::default_listen(),
            limits: Limits::default(),
            database,
            broker: None,
            identity,
            telemetry: slipway_telemetry::Settings::default(),
            permission_address: default_permission_address(),
            catalog_address: default_catalog_address(),
            registries: slipway_registry::RegistryConfig::default(),
            executor,
            slots: default_slots(),
            build_seconds: default_build_seconds(),
            queue_seconds: default_queue_seconds(),
            access_stale_seconds: state::default_stale_seconds(),
            access_lost_seconds: state::default_lost_seconds(),
            refuse_pip_urls: false,
        }
    }
}

fn default_permission_address() -> String {
    port::PERMISSION.local_url()
}

fn default_catalog_address() -> String {
    port::CATALOG.local_url()
}

pub fn default_slots() -> usize {
    1
}

fn default_build_seconds() -> u64 {
    3_600
}

fn default_queue_seconds() -> u64 {
    24 * 3_600
}

impl ServiceConfig for Config {
    fn default_listen() -> Listen {
        Listen::on_loopback(port::BUILDER)
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

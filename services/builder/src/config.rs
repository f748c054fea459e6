//! Configuration of the builder; the keys are documented in deploy/README.md.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use slipway_daemon::{Limits, Listen, process::ServiceConfig};

use crate::executor::buildah;

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
    /// Address of the catalog.
    #[serde(default = "default_catalog")]
    pub catalog_address: String,
    /// How to speak to registries.
    #[serde(default)]
    pub registries: slipway_registry::Settings,
    /// How builds run.
    pub executor: buildah::Settings,
    /// Builds at once; 0 for a replica that only answers.
    #[serde(default = "default_slots")]
    pub slots: usize,
    /// Seconds a build may take.
    #[serde(default = "default_build_seconds")]
    pub build_seconds: u64,
    /// Seconds a build may wait.
    #[serde(default = "default_queue_seconds")]
    pub queue_seconds: u64,
    /// What package lines may name.
    #[serde(default)]
    pub packages: PackagePolicy,
}

/// What package lines may name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackagePolicy {
    /// Whether pip lines may be `name @ https://…#sha256=…`.
    pub refuse_pip_urls: bool,
}

fn default_permission() -> String {
    "http://127.0.0.1:50051".to_owned()
}

fn default_catalog() -> String {
    "http://127.0.0.1:50052".to_owned()
}

fn default_slots() -> usize {
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
        Listen {
            grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_053)),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8_053)),
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

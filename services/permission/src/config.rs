//! Configuration of the permission service; the keys are documented in deploy/README.md.

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
    /// Users who become platform admins whenever the platform has none.
    #[serde(default)]
    pub bootstrap_admins: Vec<BootstrapAdmin>,
}

/// A user by its token's claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapAdmin {
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
}

impl ServiceConfig for Config {
    fn default_listen() -> Listen {
        Listen {
            grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_051)),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8_051)),
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

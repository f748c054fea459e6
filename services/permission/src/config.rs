//! Configuration of the permission service. deploy/README.md documents the keys.

use serde::{Deserialize, Serialize};
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
    /// Users who become platform admins when the service starts and there is no platform admin.
    #[serde(default)]
    pub bootstrap_admins: Vec<BootstrapAdmin>,
}

impl Config {
    /// A configuration with these values, without a broker; every other key has its default.
    pub fn new(database: slipway_database::Settings, identity: slipway_identity::Settings) -> Self {
        Self {
            listen: Self::default_listen(),
            limits: Limits::default(),
            database,
            broker: None,
            identity,
            telemetry: slipway_telemetry::Settings::default(),
            bootstrap_admins: Vec::new(),
        }
    }
}

/// A user, by the claims of its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapAdmin {
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
}

impl ServiceConfig for Config {
    fn default_listen() -> Listen {
        Listen::on_loopback(port::PERMISSION)
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

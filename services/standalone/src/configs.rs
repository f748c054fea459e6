//! The configurations of the three services, made from a few flags.

use std::path::Path;

use clap::{Args, ValueEnum};
use slipway_builder::{config::default_slots, executor::buildah};
use slipway_daemon::Listen;
use slipway_identity::DEVELOPMENT_ISSUER;
use slipway_names::port::{self, Ports};
use slipway_permission::config::BootstrapAdmin;
use slipway_telemetry::{LogFormat, Settings};

use crate::keys::Keys;

/// Position of each service's ports after the first gRPC and the first HTTP port.
const PERMISSION_OFFSET: u16 = 0;
const CATALOG_OFFSET: u16 = 1;
const BUILDER_OFFSET: u16 = 2;

#[derive(Args)]
pub(crate) struct ServeFlags {
    /// `host:port` of the registry that custom images are pushed to.
    #[arg(long, env = "SLIPWAY_REGISTRY")]
    registry: String,
    /// `host:port` of a registry without TLS; can be repeated.
    #[arg(long, value_name = "REGISTRY")]
    insecure_registry: Vec<String>,
    /// Platform admin: a subject for whom `token` prints tokens.
    #[arg(long, value_name = "SUBJECT", default_value = "admin")]
    admin: String,
    /// First of three consecutive gRPC ports: permission, catalog, builder.
    #[arg(long, value_name = "PORT", default_value_t = port::PERMISSION.grpc)]
    grpc_port: u16,
    /// First of three consecutive HTTP ports: permission, catalog, builder.
    #[arg(long, value_name = "PORT", default_value_t = port::PERMISSION.http)]
    http_port: u16,
    /// Number of builds that run at the same time.
    #[arg(long, value_name = "COUNT", default_value_t = default_slots())]
    slots: usize,
    /// Build without this limit if the host cannot enforce it: cpu, memory or processes; can be
    /// repeated.
    #[arg(long, value_name = "LIMIT")]
    accept_unenforced: Vec<buildah::Resource>,
    /// Network of build steps: private, none, or host, which reaches the services of this machine.
    #[arg(long, value_enum, default_value = "private")]
    network: NetworkFlag,
    /// Address range that build steps may reach although it is private, such as a mirror's; can be
    /// repeated.
    #[arg(long = "allow-network", value_name = "CIDR")]
    allowed_networks: Vec<String>,
    /// Log filter, such as `info` or `slipway_builder=debug`.
    #[arg(long, value_name = "FILTER", default_value_t = Settings::default().log)]
    log: String,
    /// Write log lines as text instead of JSON.
    #[arg(long)]
    log_text: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum NetworkFlag {
    Private,
    None,
    Host,
}

pub(crate) struct Configs {
    pub(crate) telemetry: Settings,
    pub(crate) permission: slipway_permission::config::Config,
    pub(crate) catalog: slipway_catalog::config::Config,
    pub(crate) builder: slipway_builder::config::Config,
}

impl Configs {
    pub(crate) fn new(data_dir: &Path, keys: &Keys, flags: &ServeFlags) -> Self {
        Self {
            telemetry: flags.telemetry(),
            permission: flags.permission(data_dir, keys),
            catalog: flags.catalog(data_dir, keys),
            builder: flags.builder(data_dir, keys),
        }
    }
}

impl ServeFlags {
    fn permission(&self, data_dir: &Path, keys: &Keys) -> slipway_permission::config::Config {
        let admin =
            BootstrapAdmin { issuer: DEVELOPMENT_ISSUER.to_owned(), subject: self.admin.clone() };

        slipway_permission::config::Config {
            listen: self.listen(PERMISSION_OFFSET),
            telemetry: self.telemetry(),
            bootstrap_admins: vec![admin],
            ..slipway_permission::config::Config::new(
                database(data_dir, "permission"),
                keys.identity("permission"),
            )
        }
    }

    fn catalog(&self, data_dir: &Path, keys: &Keys) -> slipway_catalog::config::Config {
        slipway_catalog::config::Config {
            listen: self.listen(CATALOG_OFFSET),
            telemetry: self.telemetry(),
            permission_address: self.address(PERMISSION_OFFSET),
            registries: self.registries(),
            ..slipway_catalog::config::Config::new(
                database(data_dir, "catalog"),
                keys.identity("catalog"),
                self.registry.clone(),
            )
        }
    }

    fn builder(&self, data_dir: &Path, keys: &Keys) -> slipway_builder::config::Config {
        slipway_builder::config::Config {
            listen: self.listen(BUILDER_OFFSET),
            telemetry: self.telemetry(),
            permission_address: self.address(PERMISSION_OFFSET),
            catalog_address: self.address(CATALOG_OFFSET),
            registries: self.registries(),
            slots: self.slots,
            ..slipway_builder::config::Config::new(
                database(data_dir, "builder"),
                keys.identity("builder"),
                self.executor(data_dir),
            )
        }
    }

    fn executor(&self, data_dir: &Path) -> buildah::Settings {
        let network = match self.network {
            NetworkFlag::Private => buildah::NetworkMode::Private,
            NetworkFlag::None => buildah::NetworkMode::None,
            NetworkFlag::Host => buildah::NetworkMode::Host,
        };

        buildah::Settings {
            network,
            allowed_networks: self.allowed_networks.clone(),
            accept_unenforced: self.accept_unenforced.clone(),
            ..buildah::Settings::new(data_dir.join("builds"))
        }
    }

    fn telemetry(&self) -> Settings {
        Settings {
            log: self.log.clone(),
            log_format: if self.log_text { LogFormat::Text } else { LogFormat::Json },
            ..Settings::default()
        }
    }

    fn registries(&self) -> slipway_registry::RegistryConfig {
        slipway_registry::RegistryConfig { insecure: self.insecure_registry.clone() }
    }

    fn listen(&self, offset: u16) -> Listen {
        Listen::on_loopback(self.ports(offset))
    }

    fn address(&self, offset: u16) -> String {
        self.ports(offset).local_url()
    }

    fn ports(&self, offset: u16) -> Ports {
        Ports { grpc: self.grpc_port + offset, http: self.http_port + offset }
    }
}

fn database(data_dir: &Path, service: &str) -> slipway_database::Settings {
    let file = data_dir.join(format!("{service}.sqlite"));
    slipway_database::Settings::new(format!("sqlite://{}?mode=rwc", file.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use slipway_daemon::process::ServiceConfig as _;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        flags: ServeFlags,
    }

    #[test]
    fn omitted_flags_have_the_services_defaults() {
        let arguments = Arguments::parse_from(["serve", "--registry", "registry.example"]);
        let folder = Path::new("/data");
        let keys = Keys::of_data_dir(folder);
        let Configs { telemetry, permission, catalog, builder } =
            Configs::new(folder, &keys, &arguments.flags);
        let default = slipway_builder::config::Config::new(
            database(folder, "builder"),
            keys.identity("builder"),
            buildah::Settings::new(folder.join("builds")),
        );

        assert_eq!(telemetry.log, Settings::default().log);
        for (listen, want) in [
            (&permission.listen, slipway_permission::config::Config::default_listen()),
            (&catalog.listen, slipway_catalog::config::Config::default_listen()),
            (&builder.listen, slipway_builder::config::Config::default_listen()),
        ] {
            assert_eq!((listen.grpc, listen.http), (want.grpc, want.http));
        }
        assert_eq!(catalog.permission_address, default.permission_address);
        assert_eq!(serde_json::to_value(builder).unwrap(), serde_json::to_value(default).unwrap());
    }
}

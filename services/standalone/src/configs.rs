//! The three services' configurations, from a few flags.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use slipway_builder::executor::buildah;
use slipway_daemon::{Limits, Listen};
use slipway_identity::DEVELOPMENT_ISSUER;
use slipway_permission::config::BootstrapAdmin;
use slipway_telemetry::LogFormat;

use crate::keys::Keys;

#[derive(Args)]
pub(crate) struct Site {
    /// `host:port` of the registry that custom images are pushed to.
    #[arg(long, env = "SLIPWAY_REGISTRY")]
    registry: String,
    /// `host:port` of registries without TLS; may be given again.
    #[arg(long)]
    insecure_registry: Vec<String>,
    /// Subject of the development issuer that is platform admin.
    #[arg(long, default_value = "admin")]
    admin: String,
    /// First of three gRPC ports.
    #[arg(long, default_value_t = 50_051)]
    grpc_port: u16,
    /// First of three HTTP ports.
    #[arg(long, default_value_t = 8_051)]
    http_port: u16,
    /// Builds at once.
    #[arg(long, default_value_t = 1)]
    slots: usize,
    /// A limit that this host cannot enforce and that you accept without: cpu, memory or processes. May be given again.
    #[arg(long)]
    accept_unenforced: Vec<buildah::Resource>,
    /// What network steps have: private, none, or host (which reaches this machine's services).
    #[arg(long, value_enum, default_value = "private")]
    network: NetworkWord,
    /// Log filter.
    #[arg(long, default_value = "info")]
    log: String,
    /// Log lines for people instead of JSON.
    #[arg(long)]
    log_text: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum NetworkWord {
    Private,
    None,
    Host,
}

pub(crate) struct Configs {
    pub(crate) telemetry: slipway_telemetry::Settings,
    pub(crate) permission: slipway_permission::config::Config,
    pub(crate) catalog: slipway_catalog::config::Config,
    pub(crate) builder: slipway_builder::config::Config,
}

impl Configs {
    pub(crate) fn new(data_dir: &Path, keys: &Keys, site: Site) -> Self {
        let log_format = if site.log_text { LogFormat::Text } else { LogFormat::Json };
        let telemetry =
            slipway_telemetry::Settings { log: site.log, log_format, otlp_endpoint: String::new() };
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listen = |number| Listen {
            grpc: local(site.grpc_port + number),
            http: local(site.http_port + number),
        };
        let database = |service: &str| slipway_database::Settings {
            url: format!(
                "sqlite://{}?mode=rwc",
                data_dir.join(format!("{service}.sqlite")).display()
            ),
            connections: 4,
        };
        let registries = slipway_registry::Settings { insecure: site.insecure_registry };
        let address = |number: u16| format!("http://{}", local(site.grpc_port + number));
        let network = match site.network {
            NetworkWord::Private => buildah::NetworkMode::Private,
            NetworkWord::None => buildah::NetworkMode::None,
            NetworkWord::Host => buildah::NetworkMode::Host,
        };
        let executor = buildah::Settings {
            data_dir: PathBuf::from(data_dir).join("builds"),
            network,
            allowed_networks: Vec::new(),
            limits: buildah::Limits::default(),
            accept_unenforced: site.accept_unenforced,
            insecure_registries: Vec::new(),
            packages: buildah::PackageSources::default(),
        };
        Self {
            permission: slipway_permission::config::Config {
                listen: listen(0),
                limits: Limits::default(),
                database: database("permission"),
                broker: None,
                identity: keys.identity("permission"),
                telemetry: telemetry.clone(),
                bootstrap_admins: vec![BootstrapAdmin {
                    issuer: DEVELOPMENT_ISSUER.to_owned(),
                    subject: site.admin,
                }],
            },
            catalog: slipway_catalog::config::Config {
                listen: listen(1),
                limits: Limits::default(),
                database: database("catalog"),
                broker: None,
                identity: keys.identity("catalog"),
                telemetry: telemetry.clone(),
                permission_address: address(0),
                registry: site.registry,
                registries: registries.clone(),
                access_stale_seconds: 600,
                waiting_builds_per_owner: 100,
                refuse_pip_urls: false,
            },
            builder: slipway_builder::config::Config {
                listen: listen(2),
                limits: Limits::default(),
                database: database("builder"),
                broker: None,
                identity: keys.identity("builder"),
                telemetry: telemetry.clone(),
                permission_address: address(0),
                catalog_address: address(1),
                registries,
                executor,
                slots: site.slots,
                build_seconds: 3_600,
                queue_seconds: 24 * 3_600,
                packages: slipway_builder::config::PackagePolicy::default(),
            },
            telemetry,
        }
    }
}

//! RabbitMQ on loopback with one user per service; its data is discarded by the next start.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    ports::{free_port, free_ports, listens},
    process::Server,
    user::{UnprivilegedUser, run},
};

/// The definitions that operators load, with placeholders for password hashes.
const DEFINITIONS: &str = include_str!("../../../deploy/rabbitmq/definitions.json");

const EPMD_START_TIMEOUT: Duration = Duration::from_secs(10);
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running broker.
#[derive(Debug)]
pub struct RabbitMq {
    pub server: Server,
    epmd: Server,
    port: u16,
    epmd_port: u16,
    folder: PathBuf,
    user: UnprivilegedUser,
}

impl RabbitMq {
    /// Starts a broker with the definitions of `deploy/`.
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn start(user: &UnprivilegedUser, records: &Path) -> Result<Self> {
        let folder = records.join("rabbitmq");
        user.recreate_folder(&folder)?;
        let port = free_port()?;
        // The Erlang node listens on the port after epmd's.
        let epmd_port = free_ports(2)?;
        write_configuration(user, &folder, port)?;

        let epmd = start_epmd(user, epmd_port, records)?;
        let command = server_command(user, &folder, port, epmd_port)?;
        let server = Server::start("rabbitmq", command, records)?;
        let mut broker = Self { server, epmd, port, epmd_port, folder, user: user.clone() };
        broker.wait_until_ready()?;

        Ok(broker)
    }

    /// Leaves the processes running after this is dropped; `clean` ends them.
    pub fn keep(self) {
        self.epmd.keep();
        self.server.keep();
    }

    /// Starts a killed broker again with the same data and ports.
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn restart(&mut self, records: &Path) -> Result<()> {
        let command = server_command(&self.user, &self.folder, self.port, self.epmd_port)?;
        self.server = Server::start("rabbitmq", command, records)?;

        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let port = self.port;
        self.server.wait_until("RabbitMQ", START_TIMEOUT, || listens(port))?;

        run(self
            .user
            .command("/usr/lib/rabbitmq/bin/rabbitmqctl")
            .args(["await_startup", "--timeout", "30"])
            .envs(environment(&self.folder, self.port, self.epmd_port)))
    }

    /// Address for one of the services.
    pub fn url(&self, service: &str) -> String {
        format!("amqp://{service}:{service}@127.0.0.1:{}/slipway", self.port)
    }
}

fn write_configuration(user: &UnprivilegedUser, folder: &Path, port: u16) -> Result<()> {
    let mut definitions = DEFINITIONS.to_owned();
    for service in ["PERMISSION", "CATALOG", "BUILDER"] {
        let placeholder = format!("{service}_PASSWORD_HASH");
        definitions = definitions.replace(&placeholder, &password_hash(&service.to_lowercase()));
    }
    fs::write(folder.join("definitions.json"), definitions)?;

    let configuration = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         load_definitions = {}\n\
         cluster_formation.peer_discovery_backend = classic_config\n\
         log.console = true\n\
         log.file = false\n",
        folder.join("definitions.json").display()
    );
    fs::write(folder.join("rabbitmq.conf"), configuration)?;
    fs::write(folder.join("enabled_plugins"), "[].\n")?;

    for name in ["definitions.json", "rabbitmq.conf", "enabled_plugins"] {
        user.give_ownership(&folder.join(name))?;
    }
    Ok(())
}

fn start_epmd(user: &UnprivilegedUser, port: u16, records: &Path) -> Result<Server> {
    let mut command = user.command("epmd");
    command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);

    let mut server = Server::start("epmd", command, records)?;
    server.wait_until("epmd", EPMD_START_TIMEOUT, || listens(port))?;

    Ok(server)
}

fn server_command(
    user: &UnprivilegedUser,
    folder: &Path,
    port: u16,
    epmd_port: u16,
) -> Result<Command> {
    let program = Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    program.metadata().context("rabbitmq-server is not installed")?;

    let mut command = user.command(program);
    command.envs(environment(folder, port, epmd_port));
    Ok(command)
}

fn environment(folder: &Path, port: u16, epmd_port: u16) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    let loopback_only = "-kernel inet_dist_use_interface {127,0,0,1}";

    vec![
        ("HOME", folder.display().to_string()),
        ("RABBITMQ_NODENAME", "slipway@localhost".to_owned()),
        ("RABBITMQ_NODE_PORT", port.to_string()),
        ("RABBITMQ_DIST_PORT", (epmd_port + 1).to_string()),
        ("RABBITMQ_MNESIA_BASE", path("mnesia")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback_only.to_owned()),
        ("ERL_EPMD_PORT", epmd_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
    ]
}

/// Base64 of the salt and the sha256 of salt and password (RabbitMQ, password hashing).
fn password_hash(password: &str) -> String {
    let salt = *b"slip";
    let hash = digest(&SHA256, &[salt.as_slice(), password.as_bytes()].concat());

    STANDARD.encode([salt.as_slice(), hash.as_ref()].concat())
}

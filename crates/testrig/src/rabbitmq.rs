//! RabbitMQ on loopback with one user per service, thrown away with its holder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    process::{Server, free_port, free_ports, listens},
    user::{Ordinary, run},
};

/// The definitions that operators load, with places for password hashes.
const DEFINITIONS: &str = include_str!("../../../deploy/rabbitmq/definitions.json");

/// A running broker.
#[derive(Debug)]
pub struct RabbitMq {
    /// The broker's process.
    pub server: Server,
    _epmd: Server,
    port: u16,
    epmd_port: u16,
    folder: PathBuf,
    user: Ordinary,
}

impl RabbitMq {
    /// With the definitions of `deploy/`.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(user: &Ordinary, records: &Path) -> Result<Self> {
        let folder = records.join("rabbitmq");
        user.empty_folder(&folder)?;
        // The port behind epmd's is for the node itself.
        let (port, epmd_port) = (free_port()?, free_ports(2)?);
        let definitions = ["PERMISSION", "CATALOG", "BUILDER"].iter().fold(
            DEFINITIONS.to_owned(),
            |text, service| {
                text.replace(
                    &format!("{service}_PASSWORD_HASH"),
                    &password_hash(&service.to_lowercase()),
                )
            },
        );
        fs::write(folder.join("definitions.json"), definitions)?;
        fs::write(
            folder.join("rabbitmq.conf"),
            format!(
                "listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {}\ncluster_formation.peer_discovery_backend = classic_config\nlog.console = true\nlog.file = false\n",
                folder.join("definitions.json").display()
            ),
        )?;
        fs::write(folder.join("enabled_plugins"), "[].\n")?;
        for name in ["definitions.json", "rabbitmq.conf", "enabled_plugins"] {
            user.own(&folder.join(name))?;
        }
        let mut epmd = user.command("epmd");
        epmd.args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()]);
        let mut epmd = Server::start("epmd", epmd, records)?;
        epmd.wait_until("epmd", Duration::from_secs(10), || listens(epmd_port))?;
        let server = Server::start("rabbitmq", command(user, &folder, port, epmd_port)?, records)?;
        let mut broker = Self { server, _epmd: epmd, port, epmd_port, folder, user: user.clone() };
        broker.wait()?;
        Ok(broker)
    }

    /// Lets it run when the holder ends; `clean` ends it.
    pub fn keep(self) {
        self._epmd.keep();
        self.server.keep();
    }

    /// Starts it again over the same data, after it was killed.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn restart(&mut self, records: &Path) -> Result<()> {
        self.server = Server::start(
            "rabbitmq",
            command(&self.user, &self.folder, self.port, self.epmd_port)?,
            records,
        )?;
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        let port = self.port;
        self.server.wait_until("RabbitMQ", Duration::from_secs(60), || listens(port))?;
        let _ = run(self
            .user
            .command("/usr/lib/rabbitmq/bin/rabbitmqctl")
            .args(["await_startup", "--timeout", "30"])
            .envs(environment(&self.folder, self.port, self.epmd_port)));
        Ok(())
    }

    /// Address for one of the services.
    pub fn url(&self, service: &str) -> String {
        format!("amqp://{service}:{service}@127.0.0.1:{}/slipway", self.port)
    }
}

fn command(
    user: &Ordinary,
    folder: &Path,
    port: u16,
    epmd_port: u16,
) -> Result<std::process::Command> {
    let program = Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    program.metadata().context("rabbitmq-server is not installed")?;
    let mut command = user.command(program);
    command.envs(environment(folder, port, epmd_port));
    Ok(command)
}

fn environment(folder: &Path, port: u16, epmd_port: u16) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        ("HOME", folder.display().to_string()),
        ("RABBITMQ_NODENAME", "slipway@localhost".to_owned()),
        ("RABBITMQ_NODE_PORT", port.to_string()),
        ("RABBITMQ_DIST_PORT", (epmd_port + 1).to_string()),
        ("RABBITMQ_MNESIA_BASE", path("mnesia")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        ),
        ("ERL_EPMD_PORT", epmd_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
    ]
}

/// Salt and sha256 of salt and password (RabbitMQ, password hashing).
fn password_hash(password: &str) -> String {
    let salt = *b"slip";
    let hash = digest(&SHA256, &[salt.as_slice(), password.as_bytes()].concat());
    STANDARD.encode([salt.as_slice(), hash.as_ref()].concat())
}

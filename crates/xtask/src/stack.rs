//! Slipway running: in one process, or as three with PostgreSQL and RabbitMQ.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use slipway_testrig::{
    packages,
    postgres::Postgres,
    process::{Server, free_ports, listens},
    rabbitmq::RabbitMq,
    registry::Registry,
    user::Ordinary,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One process, SQLite, in-process broker.
    Standalone,
    /// Three processes, PostgreSQL, RabbitMQ.
    Full,
}

/// Everything that runs.
pub(crate) struct Stack {
    pub(crate) user: Ordinary,
    pub(crate) bin: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) registry: Registry,
    services: Vec<Server>,
    postgres: Option<Postgres>,
    rabbitmq: Option<RabbitMq>,
    grpc: u16,
}

const SERVICES: [&str; 3] = ["permission", "catalog", "builder"];
const LIMITS: [&str; 3] = ["cpu", "memory", "pids"];

impl Stack {
    /// Starts it over an empty data directory.
    pub(crate) fn start(kind: Kind, user: Ordinary, bin: PathBuf, records: &Path) -> Result<Self> {
        let data = user.home().join("demo-data");
        if data.exists() {
            let removed = user.mapped("rm").arg("-rf").arg(&data).status()?;
            ensure!(removed.success(), "the last demo's data could not be removed");
        }
        let data = user.folder("demo-data")?;
        let registry = Registry::start(&user, records)?;
        let (grpc, http) = (free_ports()?, free_ports()?);
        let mut stack = Self { user, bin, data, registry, services: Vec::new(), postgres: None, rabbitmq: None, grpc };
        match kind {
            Kind::Standalone => stack.start_standalone(http, records)?,
            Kind::Full => stack.start_full(http, records)?,
        }
        Ok(stack)
    }

    /// Environment of the command line.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        let address = |number| format!("http://127.0.0.1:{}", self.grpc + number);
        [("SLIPWAY_PERMISSION", address(0)), ("SLIPWAY_CATALOG", address(1)), ("SLIPWAY_BUILDER", address(2))]
    }

    /// A token of the development issuer.
    pub(crate) fn token(&self, subject: &str) -> Result<String> {
        let output = self.program("slipway-standalone").args(["--data-dir"]).arg(&self.data).args(["token", subject]).output()?;
        ensure!(output.status.success(), "token: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Lets everything run on.
    pub(crate) fn keep(self) {
        self.registry.server.keep();
        self.services.into_iter().for_each(Server::keep);
        if let Some(postgres) = self.postgres {
            postgres.server.keep();
        }
        if let Some(rabbitmq) = self.rabbitmq {
            rabbitmq.keep();
        }
    }

    fn program(&self, name: &str) -> Command {
        self.user.command(self.bin.join(name))
    }

    fn start_standalone(&mut self, http: u16, records: &Path) -> Result<()> {
        let mut command = self.program("slipway-standalone");
        command.arg("--data-dir").arg(&self.data).args(["serve", "--registry", &self.registry.address, "--insecure-registry", &self.registry.address]);
        command.args(["--grpc-port", &self.grpc.to_string(), "--http-port", &http.to_string(), "--log-text"]);
        for limit in LIMITS {
            command.args(["--accept-unenforced", limit]);
        }
        let mut server = Server::start("standalone", command, records)?;
        server.wait_until("standalone", Duration::from_secs(60), || (0..3).all(|number| is_ready(http + number)))?;
        self.services.push(server);
        Ok(())
    }

    fn start_full(&mut self, http: u16, records: &Path) -> Result<()> {
        packages::ensure_installed(packages::SERVERS)?;
        let postgres = Postgres::start(&self.user, records)?;
        let rabbitmq = RabbitMq::start(&self.user, records)?;
        let made = self.program("slipway-standalone").arg("--data-dir").arg(&self.data).arg("keys").status()?;
        ensure!(made.success(), "the services' keys could not be made");
        for (number, service) in (0_u16..).zip(SERVICES) {
            let text = self.configuration(service, number, http, &postgres.database(service)?, &rabbitmq.url(service));
            let path = self.data.join(format!("{service}.toml"));
            fs::write(&path, text)?;
            let migrated = self.program(&format!("slipway-{service}")).arg("--config").arg(&path).arg("migrate").output()?;
            ensure!(migrated.status.success(), "{service} migrate: {}", String::from_utf8_lossy(&migrated.stderr));
            let mut command = self.program(&format!("slipway-{service}"));
            command.arg("--config").arg(&path).arg("serve");
            self.services.push(Server::start(service, command, records)?);
        }
        for (number, server) in (0_u16..).zip(&mut self.services) {
            server.wait_until(SERVICES[usize::from(number)], Duration::from_secs(60), || is_ready(http + number))?;
        }
        (self.postgres, self.rabbitmq) = (Some(postgres), Some(rabbitmq));
        Ok(())
    }

    fn configuration(&self, service: &str, number: u16, http: u16, database: &str, broker: &str) -> String {
        let keys = self.data.join("keys");
        let key = |name: &str| format!("{:?}", keys.join(name));
        let address = |number: u16| format!("\"http://127.0.0.1:{}\"", self.grpc + number);
        let registry = format!("{:?}", self.registry.address);
        let own = match service {
            "permission" => String::new(),
            "catalog" => format!("permission_address = {}\nregistry = {registry}\n", address(0)),
            _ => format!("permission_address = {}\ncatalog_address = {}\n", address(0), address(1)),
        };
        let sections = match service {
            "permission" => "[[bootstrap_admins]]\nissuer = \"slipway-development\"\nsubject = \"admin\"\n".to_owned(),
            "catalog" => format!("[registries]\ninsecure = [{registry}]\n"),
            _ => format!("[registries]\ninsecure = [{registry}]\n[executor]\ndata_dir = {:?}\naccept_unenforced = {LIMITS:?}\n", self.data.join("builds")),
        };
        format!(
            "{own}[listen]\ngrpc = \"127.0.0.1:{}\"\nhttp = \"127.0.0.1:{}\"\n[database]\nurl = {database:?}\n[broker]\nurl = {broker:?}\n[identity]\nservice_key_file = {}\nservice_jwks_file = {}\n\
             [[identity.issuers]]\nissuer = \"slipway-development\"\njwks_file = {}\n{sections}",
            self.grpc + number,
            http + number,
            key(&format!("{service}.pem")),
            key("services.json"),
            key("development.json"),
        )
    }
}

/// Whether `/readyz` of this port says 200.
fn is_ready(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    listens(port) && ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// A command's output as text, with its exit code.
pub(crate) fn said(command: &mut Command) -> Result<(i32, String)> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code().unwrap_or(-1), text))
}

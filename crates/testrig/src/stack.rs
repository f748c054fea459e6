//! Slipway running: in one process, or as three with PostgreSQL and RabbitMQ.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};

use crate::{
    process::{Server, free_ports, listens},
    user::Ordinary,
};

/// Where a stack lies and what it uses.
#[derive(Debug, Clone)]
pub struct Place {
    /// Who runs it.
    pub user: Ordinary,
    /// The programs.
    pub bin: PathBuf,
    /// Its own folder, empty at first.
    pub data: PathBuf,
    /// Records and logs of its processes.
    pub records: PathBuf,
    /// `host:port` of a registry without TLS.
    pub registry: String,
    /// OTLP endpoint for the traces of a full stack; empty for none.
    pub otlp_endpoint: String,
}

/// What three processes share: a database and a broker address for each, by service.
#[derive(Debug, Clone)]
pub struct Backends {
    /// PostgreSQL addresses.
    pub databases: [String; 3],
    /// RabbitMQ addresses.
    pub brokers: [String; 3],
}

/// Running services.
#[derive(Debug)]
pub struct Stack {
    place: Place,
    /// By name: `standalone`, or the three services.
    pub services: Vec<(&'static str, Server)>,
    grpc: u16,
    http: u16,
}

/// permission, catalog, builder: the order of ports and addresses.
pub const SERVICES: [&str; 3] = ["permission", "catalog", "builder"];
/// Where the host can, they are enforced all the same.
const ACCEPTED: [&str; 3] = ["cpu", "memory", "processes"];

impl Stack {
    /// All in one process.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn standalone(place: Place) -> Result<Self> {
        let mut stack =
            Self { place, services: Vec::new(), grpc: free_ports(3)?, http: free_ports(3)? };
        stack.restart("standalone")?;
        stack.wait()?;
        Ok(stack)
    }

    /// Three processes, migrated.
    ///
    /// # Errors
    /// When one does not get ready.
    pub fn full(place: Place, backends: &Backends) -> Result<Self> {
        let mut stack =
            Self { place, services: Vec::new(), grpc: free_ports(3)?, http: free_ports(3)? };
        let made = stack
            .program("slipway-standalone")
            .arg("--data-dir")
            .arg(&stack.place.data)
            .arg("keys")
            .status()?;
        ensure!(made.success(), "the services' keys could not be made");
        for (number, service) in SERVICES.into_iter().enumerate() {
            let text = stack.configuration(
                service,
                &backends.databases[number],
                &backends.brokers[number],
            );
            let path = stack.place.data.join(format!("{service}.toml"));
            fs::write(&path, text)?;
            let migrated = stack
                .program(&format!("slipway-{service}"))
                .arg("--config")
                .arg(&path)
                .arg("migrate")
                .output()?;
            ensure!(
                migrated.status.success(),
                "{service} migrate: {}",
                String::from_utf8_lossy(&migrated.stderr)
            );
            stack.restart(service)?;
        }
        stack.wait()?;
        Ok(stack)
    }

    /// Starts a service again; one that runs is ended first.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self, service: &'static str) -> Result<()> {
        self.services.retain(|(name, _)| *name != service);
        let mut command;
        if service == "standalone" {
            command = self.program("slipway-standalone");
            command.arg("--data-dir").arg(&self.place.data).args([
                "serve",
                "--registry",
                &self.place.registry,
                "--insecure-registry",
                &self.place.registry,
            ]);
            command.args([
                "--grpc-port",
                &self.grpc.to_string(),
                "--http-port",
                &self.http.to_string(),
                "--log-text",
            ]);
            for limit in ACCEPTED {
                command.args(["--accept-unenforced", limit]);
            }
        } else {
            command = self.program(&format!("slipway-{service}"));
            command
                .arg("--config")
                .arg(self.place.data.join(format!("{service}.toml")))
                .arg("serve");
        }
        self.services.push((service, Server::start(service, command, &self.place.records)?));
        Ok(())
    }

    /// Waits until all are ready.
    ///
    /// # Errors
    /// When one does not get ready; with its log.
    pub fn wait(&mut self) -> Result<()> {
        let http = self.http;
        for (name, server) in &mut self.services {
            let own = SERVICES
                .iter()
                .position(|service| service == name)
                .and_then(|number| u16::try_from(number).ok());
            let numbers = own.map_or(0..3, |number| number..number + 1);
            server.wait_until(name, Duration::from_secs(60), || {
                numbers
                    .clone()
                    .all(|number| readyz(http + number).is_some_and(|answer| is_whole(&answer)))
            })?;
        }
        Ok(())
    }

    /// A running service.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn service(&mut self, name: &str) -> &mut Server {
        &mut self.services.iter_mut().find(|(own, _)| *own == name).expect("the service runs").1
    }

    /// What `/readyz` of one of [`SERVICES`] says, with its status line; `None` when nobody answers.
    pub fn readiness(&self, service: &str) -> Option<String> {
        let number = SERVICES.iter().position(|name| *name == service)?;
        readyz(self.http + u16::try_from(number).ok()?)
    }

    /// Environment of the command line.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        let address = |number| format!("http://127.0.0.1:{}", self.grpc + number);
        [
            ("SLIPWAY_PERMISSION", address(0)),
            ("SLIPWAY_CATALOG", address(1)),
            ("SLIPWAY_BUILDER", address(2)),
        ]
    }

    /// A token of the development issuer.
    ///
    /// # Errors
    /// When its key is not there.
    pub fn token(&self, subject: &str, more: &[&str]) -> Result<String> {
        let output = self
            .program("slipway-standalone")
            .args(["--data-dir"])
            .arg(&self.place.data)
            .args(["token", subject])
            .args(more)
            .output()?;
        ensure!(output.status.success(), "token: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// One of Slipway's programs, as the ordinary user.
    pub fn program(&self, name: &str) -> Command {
        self.place.user.command(self.place.bin.join(name))
    }

    /// Lets everything run on.
    pub fn keep(self) {
        self.services.into_iter().for_each(|(_, server)| server.keep());
    }

    fn configuration(&self, service: &str, database: &str, broker: &str) -> String {
        let number = SERVICES
            .iter()
            .position(|name| *name == service)
            .and_then(|number| u16::try_from(number).ok())
            .unwrap_or_default();
        let keys = self.place.data.join("keys");
        let key = |name: &str| format!("{:?}", keys.join(name));
        let address = |number: u16| format!("\"http://127.0.0.1:{}\"", self.grpc + number);
        let registry = format!("{:?}", self.place.registry);
        let own = match service {
            "permission" => String::new(),
            "catalog" => format!("permission_address = {}\nregistry = {registry}\n", address(0)),
            _ => format!("permission_address = {}\ncatalog_address = {}\n", address(0), address(1)),
        };
        let sections = match service {
            "permission" => {
                "[[bootstrap_admins]]\nissuer = \"slipway-development\"\nsubject = \"admin\"\n"
                    .to_owned()
            }
            "catalog" => format!("[registries]\ninsecure = [{registry}]\n"),
            _ => format!(
                "[registries]\ninsecure = [{registry}]\n[executor]\ndata_dir = {:?}\naccept_unenforced = {ACCEPTED:?}\n",
                self.place.data.join("builds")
            ),
        };
        format!(
            "{own}[listen]\ngrpc = \"127.0.0.1:{}\"\nhttp = \"127.0.0.1:{}\"\n[database]\nurl = {database:?}\n[broker]\nurl = {broker:?}\n[telemetry]\notlp_endpoint = {:?}\n[identity]\nservice_key_file = {}\nservice_jwks_file = {}\n\
             [[identity.issuers]]\nissuer = \"slipway-development\"\njwks_file = {}\n{sections}",
            self.grpc + number,
            self.http + number,
            self.place.otlp_endpoint,
            key(&format!("{service}.pem")),
            key("services.json"),
            key("development.json"),
        )
    }
}

/// Ready, and every dependency of it is there.
pub fn is_whole(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200")
        && answer.matches("\":\"ok\"").count() == answer.matches("\":\"").count()
}

fn readyz(port: u16) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    listens(port).then(ask)?.ok()
}

/// A command's output as text, with its exit code.
///
/// # Errors
/// When it cannot be started.
pub fn said(command: &mut Command) -> Result<(i32, String)> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((output.status.code().unwrap_or(-1), text))
}

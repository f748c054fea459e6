//! A running Slipway: one process, or three processes with PostgreSQL and RabbitMQ.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    package_hosts,
    ports::{free_ports, listens},
    process::Server,
    user::UnprivilegedUser,
};

/// The services in the order of ports and addresses.
pub const SERVICES: [&str; 3] = ["permission", "catalog", "builder"];

/// Limits that a stack accepts unenforced. A host that can enforce them still does.
const UNENFORCED_LIMITS: [&str; 3] = ["cpu", "memory", "processes"];

const START_TIMEOUT: Duration = Duration::from_secs(60);
const READYZ_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub struct StackConfig {
    pub user: UnprivilegedUser,
    /// Folder of the programs.
    pub bin: PathBuf,
    /// Folder of the stack's data, empty at first.
    pub data: PathBuf,
    /// Folder of the records and logs of its processes.
    pub records: PathBuf,
    /// `host:port` of a registry without TLS.
    pub registry: String,
    /// OTLP endpoint for the traces of a full stack; empty for none.
    pub otlp_endpoint: String,
}

/// Addresses for a full stack, each list in the order of [`SERVICES`].
#[derive(Debug, Clone)]
pub struct Backends {
    /// PostgreSQL addresses.
    pub databases: [String; 3],
    /// RabbitMQ addresses.
    pub brokers: [String; 3],
}

#[derive(Debug)]
pub struct Stack {
    config: StackConfig,
    /// The processes by name: `standalone`, or [`SERVICES`].
    pub services: Vec<(&'static str, Server)>,
    /// First of three ports.
    grpc_port: u16,
    /// First of three ports.
    http_port: u16,
}

impl Stack {
    /// Starts all services in one process.
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn standalone(config: StackConfig) -> Result<Self> {
        let mut stack = Self::new(config)?;
        stack.start("standalone")?;
        stack.wait_until_ready()?;

        Ok(stack)
    }

    /// Migrates the databases and starts a process for each service.
    ///
    /// # Errors
    /// If one cannot be migrated or does not become ready.
    pub fn full(config: StackConfig, backends: &Backends) -> Result<Self> {
        let mut stack = Self::new(config)?;
        stack.create_keys()?;

        for (index, service) in SERVICES.into_iter().enumerate() {
            let configuration =
                stack.configuration(service, &backends.databases[index], &backends.brokers[index]);
            fs::write(stack.configuration_file(service), configuration)?;
            stack.migrate(service)?;
            stack.start(service)?;
        }
        stack.wait_until_ready()?;

        Ok(stack)
    }

    fn new(config: StackConfig) -> Result<Self> {
        let grpc_port = free_ports(3)?;
        let http_port = free_ports(3)?;

        Ok(Self { config, services: Vec::new(), grpc_port, http_port })
    }

    fn create_keys(&self) -> Result<()> {
        let status = self
            .program("slipway-standalone")
            .arg("--data-dir")
            .arg(&self.config.data)
            .arg("keys")
            .status()?;

        ensure!(status.success(), "the services' keys could not be created");
        Ok(())
    }

    fn migrate(&self, service: &str) -> Result<()> {
        let output = self
            .program(&format!("slipway-{service}"))
            .arg("--config")
            .arg(self.configuration_file(service))
            .arg("migrate")
            .output()?;

        ensure!(
            output.status.success(),
            "{service} migrate: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Starts a service, after ending it if it runs.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&mut self, service: &'static str) -> Result<()> {
        self.services.retain(|(name, _)| *name != service);

        let command = if service == "standalone" {
            self.standalone_command()
        } else {
            let mut command = self.program(&format!("slipway-{service}"));
            command.arg("--config").arg(self.configuration_file(service)).arg("serve");
            command
        };

        let server = Server::start(service, command, &self.config.records)?;
        self.services.push((service, server));
        Ok(())
    }

    fn standalone_command(&self) -> Command {
        let registry = &self.config.registry;
        let grpc_port = self.grpc_port.to_string();
        let http_port = self.http_port.to_string();

        let mut command = self.program("slipway-standalone");
        command.arg("--data-dir").arg(&self.config.data).arg("serve");
        command.args(["--registry", registry, "--insecure-registry", registry]);
        command.args(["--grpc-port", &grpc_port, "--http-port", &http_port, "--log-text"]);
        for limit in UNENFORCED_LIMITS {
            command.args(["--accept-unenforced", limit]);
        }
        for range in package_hosts::ranges() {
            command.args(["--allow-network", &range]);
        }

        command
    }

    /// Waits until all services are ready, with all their dependencies.
    ///
    /// # Errors
    /// If one does not become ready; the error contains its log.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let first_port = self.http_port;

        for (name, server) in &mut self.services {
            let services = match service_index(name) {
                Some(index) => index..index + 1,
                None => 0..3,
            };
            let is_ready = |index| {
                let response = get_readyz(first_port + index);
                response.is_some_and(|response| is_fully_ready(&response))
            };
            server.wait_until(name, START_TIMEOUT, || services.clone().all(is_ready))?;
        }

        Ok(())
    }

    /// A running service.
    ///
    /// # Panics
    /// If there is none with this name.
    pub fn service(&mut self, name: &str) -> &mut Server {
        let service = self.services.iter_mut().find(|(service, _)| *service == name);
        let (_, server) = service.expect("the service runs");

        server
    }

    /// The response of `/readyz` of one of [`SERVICES`], with its status line. `None` if it does
    /// not respond.
    pub fn readiness(&self, service: &str) -> Option<String> {
        get_readyz(self.http_port + service_index(service)?)
    }

    /// The environment of the command line: the services' addresses.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        let address = |index| format!("http://127.0.0.1:{}", self.grpc_port + index);

        [
            ("SLIPWAY_PERMISSION", address(0)),
            ("SLIPWAY_CATALOG", address(1)),
            ("SLIPWAY_BUILDER", address(2)),
        ]
    }

    /// A token of the development issuer. `options` are options of `slipway-standalone token`.
    ///
    /// # Errors
    /// If the issuer's key does not exist.
    pub fn token(&self, subject: &str, options: &[&str]) -> Result<String> {
        let output = self
            .program("slipway-standalone")
            .arg("--data-dir")
            .arg(&self.config.data)
            .args(["token", subject])
            .args(options)
            .output()?;

        ensure!(output.status.success(), "token: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// A command that runs one of Slipway's programs as the unprivileged user.
    pub fn program(&self, name: &str) -> Command {
        self.config.user.command(self.config.bin.join(name))
    }

    /// Leaves all processes running after this is dropped; `clean` ends them.
    pub fn keep(self) {
        for (_, server) in self.services {
            server.keep();
        }
    }

    fn configuration_file(&self, service: &str) -> PathBuf {
        self.config.data.join(format!("{service}.toml"))
    }

    /// The configuration of one service as TOML. `{:?}` quotes the strings.
    fn configuration(&self, service: &str, database: &str, broker: &str) -> String {
        let index = service_index(service).unwrap_or_default();
        let keys = self.config.data.join("keys");

        format!(
            r#"
            {top_level}
            [listen]
            grpc = "127.0.0.1:{grpc_port}"
            http = "127.0.0.1:{http_port}"
            [database]
            url = {database:?}
            [broker]
            url = {broker:?}
            [telemetry]
            otlp_endpoint = {otlp_endpoint:?}
            [identity]
            service_key_file = {service_key:?}
            service_jwks_file = {service_jwks:?}
            [[identity.issuers]]
            issuer = "slipway-development"
            jwks_file = {development_jwks:?}
            {sections}
            "#,
            top_level = self.top_level_settings(service),
            grpc_port = self.grpc_port + index,
            http_port = self.http_port + index,
            otlp_endpoint = self.config.otlp_endpoint,
            service_key = keys.join(format!("{service}.pem")),
            service_jwks = keys.join("services.json"),
            development_jwks = keys.join("development.json"),
            sections = self.own_sections(service),
        )
    }

    /// The top-level keys that only this service has.
    fn top_level_settings(&self, service: &str) -> String {
        let [(_, permission), (_, catalog), _] = self.environment();

        match service {
            "permission" => String::new(),
            "catalog" => format!(
                "permission_address = {permission:?}\nregistry = {:?}",
                self.config.registry
            ),
            _ => format!("permission_address = {permission:?}\ncatalog_address = {catalog:?}"),
        }
    }

    /// The sections that only this service has.
    fn own_sections(&self, service: &str) -> String {
        let registries = format!("[registries]\ninsecure = [{:?}]\n", self.config.registry);

        match service {
            "permission" => "[[bootstrap_admins]]\n\
                             issuer = \"slipway-development\"\n\
                             subject = \"admin\"\n"
                .to_owned(),
            "catalog" => registries,
            _ => format!(
                "{registries}\
                 [executor]\n\
                 data_dir = {:?}\n\
                 accept_unenforced = {UNENFORCED_LIMITS:?}\n\
                 allowed_networks = {:?}\n",
                self.config.data.join("builds"),
                package_hosts::ranges()
            ),
        }
    }
}

/// The position in [`SERVICES`]; `None` for `standalone`.
fn service_index(service: &str) -> Option<u16> {
    let index = SERVICES.iter().position(|name| *name == service)?;
    u16::try_from(index).ok()
}

/// Whether a response of `/readyz` has the status 200 and reports every dependency as ok.
pub fn is_fully_ready(response: &str) -> bool {
    let dependencies = response.matches("\":\"").count();
    let available = response.matches("\":\"ok\"").count();

    response.starts_with("HTTP/1.1 200") && available == dependencies
}

/// The response of `/readyz` with its status line. `None` if there is none.
pub fn get_readyz(port: u16) -> Option<String> {
    if !listens(port) {
        return None;
    }

    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(READYZ_TIMEOUT)).ok()?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;

    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response)
}

/// Runs a command. Returns its exit code, and its output and errors as text.
///
/// # Errors
/// If it cannot be started.
pub fn output_of(command: &mut Command) -> Result<(i32, String)> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );

    Ok((output.status.code().unwrap_or(-1), text))
}

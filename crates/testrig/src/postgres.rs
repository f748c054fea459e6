//! PostgreSQL on loopback; its data is discarded by the next start.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    ports::free_port,
    process::Server,
    user::{UnprivilegedUser, run},
};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    pub server: Server,
    port: u16,
    binaries: PathBuf,
    user: UnprivilegedUser,
}

impl Postgres {
    /// Starts a server with an empty cluster.
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn start(user: &UnprivilegedUser, records: &Path) -> Result<Self> {
        let binaries = binaries()?;
        let data = records.join("postgres");
        user.recreate_folder(&data)?;
        run(user
            .command(binaries.join("initdb"))
            .args([
                "--auth=trust",
                "--username=slipway",
                "--encoding=UTF8",
                "--no-sync",
                "--pgdata",
            ])
            .arg(&data))?;

        let port = free_port()?;
        let server =
            Server::start("postgres", server_command(user, &binaries, &data, port), records)?;
        let mut postgres = Self { server, port, binaries, user: user.clone() };
        postgres.wait_until_ready()?;

        Ok(postgres)
    }

    /// Starts a killed server again with the same data and port.
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn restart(&mut self, records: &Path) -> Result<()> {
        let data = records.join("postgres");
        let command = server_command(&self.user, &self.binaries, &data, self.port);
        self.server = Server::start("postgres", command, records)?;

        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let program = self.binaries.join("pg_isready");
        let port = self.port.to_string();
        let user = &self.user;

        self.server.wait_until("PostgreSQL", START_TIMEOUT, || {
            user.command(&program)
                .args(["-h", "127.0.0.1", "-p", &port])
                .output()
                .is_ok_and(|output| output.status.success())
        })
    }

    /// Creates a database. Returns its address.
    ///
    /// # Errors
    /// If it cannot be created, or exists.
    pub fn database(&self, name: &str) -> Result<String> {
        run(self
            .user
            .command(self.binaries.join("createdb"))
            .arg(format!("--maintenance-db={}", self.url("postgres")))
            .arg(name))?;

        Ok(self.url(name))
    }

    /// Address of an existing database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://slipway@127.0.0.1:{}/{name}", self.port)
    }
}

fn server_command(user: &UnprivilegedUser, binaries: &Path, data: &Path, port: u16) -> Command {
    let mut command = user.command(binaries.join("postgres"));
    command.arg("-D").arg(data).args(["-p", &port.to_string()]);
    command.args(["-c", "listen_addresses=127.0.0.1"]);
    command.args(["-c", "unix_socket_directories="]);
    command.args(["-c", "max_connections=200"]);

    command
}

/// The programs of the installed version that is last by name.
fn binaries() -> Result<PathBuf> {
    let folder = "/usr/lib/postgresql";
    let mut versions: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| folder.to_owned())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    versions.sort();

    let last = versions.pop().with_context(|| format!("{folder} is empty"))?;
    Ok(last.join("bin"))
}

//! PostgreSQL on loopback, thrown away with its holder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    process::{Server, free_port},
    user::{Ordinary, run},
};

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    /// The process.
    pub server: Server,
    port: u16,
    binaries: PathBuf,
    user: Ordinary,
}

impl Postgres {
    /// With an empty cluster.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(user: &Ordinary, records: &Path) -> Result<Self> {
        let binaries = newest("/usr/lib/postgresql")?.join("bin");
        let data = records.join("postgres");
        user.empty_folder(&data)?;
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
        let server = Server::start("postgres", command(user, &binaries, &data, port), records)?;
        let mut postgres = Self { server, port, binaries, user: user.clone() };
        postgres.wait()?;
        Ok(postgres)
    }

    /// Starts it again over the same data, after it was killed.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn restart(&mut self, records: &Path) -> Result<()> {
        self.server = Server::start(
            "postgres",
            command(&self.user, &self.binaries, &records.join("postgres"), self.port),
            records,
        )?;
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        let port = self.port;
        let ready = |user: &Ordinary, binaries: &Path| {
            user.command(binaries.join("pg_isready"))
                .args(["-h", "127.0.0.1", "-p", &port.to_string()])
                .output()
                .is_ok_and(|output| output.status.success())
        };
        let (user, binaries) = (self.user.clone(), self.binaries.clone());
        self.server.wait_until("PostgreSQL", Duration::from_secs(30), || ready(&user, &binaries))
    }

    /// Address of a database, made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn database(&self, name: &str) -> Result<String> {
        create_database(&self.user, &self.url("postgres"), name)
    }

    /// Address of a database that is there.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://slipway@127.0.0.1:{}/{name}", self.port)
    }
}

fn command(user: &Ordinary, binaries: &Path, data: &Path, port: u16) -> Command {
    let mut command = user.command(binaries.join("postgres"));
    command.arg("-D").arg(data).args(["-p", &port.to_string()]);
    command.args([
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "max_connections=200",
    ]);
    command
}

/// Makes a database on the server of another address, where it is not there. Returns its address.
///
/// # Errors
/// When it cannot be made.
pub fn create_database(user: &Ordinary, server: &str, name: &str) -> Result<String> {
    let output = user
        .command(newest("/usr/lib/postgresql")?.join("bin/createdb"))
        .arg(format!("--maintenance-db={server}"))
        .arg(name)
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() || text.contains("already exists"), "createdb {name}: {text}");
    let (address, _) = server.rsplit_once('/').context("the server's address names no database")?;
    Ok(format!("{address}/{name}"))
}

fn newest(folder: &str) -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| folder.to_owned())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    versions.sort();
    versions.pop().with_context(|| format!("{folder} is empty"))
}

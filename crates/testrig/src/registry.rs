//! docker-registry on loopback; its contents are kept from run to run.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;

use crate::{
    ports::{free_port, listens},
    process::Server,
    user::UnprivilegedUser,
};

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    pub server: Server,
    /// `host:port`
    pub address: String,
}

impl Registry {
    /// Starts a registry on the contents of earlier runs.
    ///
    /// # Errors
    /// If it does not become ready.
    pub fn start(user: &UnprivilegedUser, records: &Path) -> Result<Self> {
        let storage = user.folder("registry")?;
        let port = free_port()?;
        let configuration = user.home().join("registry.yml");
        fs::write(
            &configuration,
            format!(
                "version: 0.1\n\
                 log: {{level: warn}}\n\
                 storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
                 http: {{addr: '127.0.0.1:{port}'}}\n",
                storage.display()
            ),
        )?;

        let mut command = user.command("docker-registry");
        command.arg("serve").arg(&configuration);
        let mut server = Server::start("registry", command, records)?;
        server.wait_until("the registry", START_TIMEOUT, || listens(port))?;

        Ok(Self { server, address: format!("127.0.0.1:{port}") })
    }
}

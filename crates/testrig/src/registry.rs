//! docker-registry on loopback; its contents are kept from run to run.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;

use crate::{
    process::{Server, free_port, listens},
    user::Ordinary,
};

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    /// The process.
    pub server: Server,
    /// `host:port`
    pub address: String,
}

impl Registry {
    /// Over the stored contents.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(user: &Ordinary, records: &Path) -> Result<Self> {
        let storage = user.folder("registry")?;
        let port = free_port()?;
        let configuration = user.home().join("registry.yml");
        fs::write(
            &configuration,
            format!(
                "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
                storage.display()
            ),
        )?;
        let mut command = user.command("docker-registry");
        command.arg("serve").arg(&configuration);
        let mut server = Server::start("registry", command, records)?;
        server.wait_until("the registry", Duration::from_secs(20), || listens(port))?;
        Ok(Self { server, address: format!("127.0.0.1:{port}") })
    }
}

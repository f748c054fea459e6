//! A full stack for the demo and the benchmark: three processes with PostgreSQL and RabbitMQ.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use slipway_testrig::{
    debian_packages,
    postgres::Postgres,
    rabbitmq::RabbitMq,
    stack::{Backends, SERVICES, Stack, StackConfig},
    user::UnprivilegedUser,
};

/// The servers of a full stack. They end when this is dropped.
pub(crate) struct Servers {
    postgres: Postgres,
    rabbitmq: RabbitMq,
}

impl Servers {
    /// Leaves the servers running after the end of this process.
    pub(crate) fn keep(self) {
        self.postgres.server.keep();
        self.rabbitmq.keep();
    }
}

/// Starts the servers and then the services.
pub(crate) fn start_full_stack(config: StackConfig) -> Result<(Servers, Stack)> {
    debian_packages::ensure_installed(debian_packages::SERVERS)?;
    let postgres = Postgres::start(&config.user, &config.records)?;
    let rabbitmq = RabbitMq::start(&config.user, &config.records)?;

    let [permission, catalog, builder] = SERVICES.map(|service| postgres.database(service));
    let backends = Backends {
        databases: [permission?, catalog?, builder?],
        brokers: SERVICES.map(|service| rabbitmq.url(service)),
    };

    let stack = Stack::full(config, &backends)?;
    Ok((Servers { postgres, rabbitmq }, stack))
}

/// Removes the data of the last run and creates the folder anew. Files of builds belong to sub-ids
/// of the user, so they are removed inside a user namespace.
pub(crate) fn empty_data_folder(user: &UnprivilegedUser, name: &str) -> Result<PathBuf> {
    let data = user.home().join(name);
    if data.exists() {
        let removed = user.command_in_user_namespace("rm").arg("-rf").arg(&data).status()?;
        ensure!(removed.success(), "cannot remove the data of the last run in {}", data.display());
    }

    user.folder(name)
}

//! The servers that tests use.

use std::{path::Path, process::Command};

use anyhow::Result;
use slipway_testrig::{
    base_image, env, postgres::Postgres, rabbitmq::RabbitMq, registry::Registry,
    user::UnprivilegedUser,
};

/// With `--allow-skips`, a server that cannot be started is absent.
pub(super) struct Servers {
    postgres: Option<Postgres>,
    rabbitmq: Option<RabbitMq>,
    registry: Option<Registry>,
}

/// What happens when something that tests need cannot be installed or started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnMissing {
    /// The run ends.
    Fail,
    /// The tests that need it are skipped.
    Skip,
}

impl OnMissing {
    /// Returns the value, or `None` for a failure that only skips tests.
    pub(super) fn apply<T>(self, what: &str, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if self == Self::Skip => {
                println!("SKIPPED because {what} could not be installed or started: {error:#}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Servers {
    pub(super) fn start(
        on_missing: OnMissing,
        user: &UnprivilegedUser,
        records: &Path,
    ) -> Result<Self> {
        Ok(Self {
            postgres: on_missing.apply("PostgreSQL", Postgres::start(user, records))?,
            rabbitmq: on_missing.apply("RabbitMQ", RabbitMq::start(user, records))?,
            registry: on_missing
                .apply("a registry with a base image", start_registry(user, records))?,
        })
    }

    pub(super) fn add_to_environment(&self, command: &mut Command) {
        if let Some(postgres) = &self.postgres {
            command.env(env::POSTGRES, postgres.url("postgres"));
        }

        if let Some(rabbitmq) = &self.rabbitmq {
            command
                .env(env::RABBITMQ, rabbitmq.url("builder"))
                .env(env::RABBITMQ_CATALOG, rabbitmq.url("catalog"))
                .env(env::RABBITMQ_PERMISSION, rabbitmq.url("permission"));
        }

        if let Some(registry) = &self.registry {
            command.env(env::REGISTRY, &registry.address);
        }
    }
}

fn start_registry(user: &UnprivilegedUser, records: &Path) -> Result<Registry> {
    let registry = Registry::start(user, records)?;
    base_image::ensure_base(user, &registry.address)?;
    Ok(registry)
}

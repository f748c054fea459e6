//! Environment variables of tests, and skipping of tests whose server is absent.

use std::{env, fs::OpenOptions, io::Write as _, thread};

/// `postgres://…` of a server on which tests may create databases.
pub const POSTGRES: &str = "SLIPWAY_TEST_POSTGRES";
/// `amqp://…` of a broker, as its user `builder`.
pub const RABBITMQ: &str = "SLIPWAY_TEST_RABBITMQ";
/// The same broker, as its user `catalog`.
pub const RABBITMQ_CATALOG: &str = "SLIPWAY_TEST_RABBITMQ_CATALOG";
/// The same broker, as its user `permission`.
pub const RABBITMQ_PERMISSION: &str = "SLIPWAY_TEST_RABBITMQ_PERMISSION";
/// `host:port` of a registry without TLS that holds [`crate::base_image::REPOSITORY`].
pub const REGISTRY: &str = "SLIPWAY_TEST_REGISTRY";
/// Folder of Slipway's programs.
pub const BIN: &str = "SLIPWAY_TEST_BIN";
/// Set if builds can have control groups.
pub const CONTROL_GROUPS: &str = "SLIPWAY_TEST_CONTROL_GROUPS";
/// Set if the run starts no servers (`--fast`).
pub const FAST: &str = "SLIPWAY_TEST_FAST";
/// Path of a file to which each skipped test appends a line.
pub const SKIPS: &str = "SLIPWAY_TEST_SKIPS";

/// The server's address. `None` if there is no server: the test must then return, and is recorded
/// as skipped. The run counts a skipped test as a failure unless skips are allowed.
pub fn server(name: &str) -> Option<String> {
    let value = env::var(name).ok();
    if value.is_none() {
        record_skip(name);
    }

    value
}

fn record_skip(name: &str) {
    let reason = if env::var(FAST).is_ok() {
        "SKIPPED because --fast starts no servers".to_owned()
    } else {
        format!("SKIPPED because {name} is not set; run `cargo xtask test`")
    };
    eprintln!("{reason}");

    // libtest names the thread after the test.
    let line = format!("{}\t{reason}\n", thread::current().name().unwrap_or("a test"));
    if let Ok(path) = env::var(SKIPS)
        && let Ok(mut file) = OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = file.write_all(line.as_bytes());
    }
}

//! What tests find in their environment, and what they do when it is not there.

use std::{env, fs::OpenOptions, io::Write as _, thread};

/// `postgres://…` of a server on which databases may be made.
pub const POSTGRES: &str = "SLIPWAY_TEST_POSTGRES";
/// `amqp://…` of a broker.
pub const RABBITMQ: &str = "SLIPWAY_TEST_RABBITMQ";
/// `host:port` of a registry without TLS that holds [`crate::base::REPOSITORY`].
pub const REGISTRY: &str = "SLIPWAY_TEST_REGISTRY";
/// Set where builds can have control groups.
pub const CONTROL_GROUPS: &str = "SLIPWAY_TEST_CONTROL_GROUPS";
/// Set when only tests without servers were asked for.
pub const FAST: &str = "SLIPWAY_TEST_FAST";
/// A file that skipped tests add a line to.
pub const SKIPS: &str = "SLIPWAY_TEST_SKIPS";

/// The server's address. Without one the test skips, which the harness counts as a failure unless it was asked to.
pub fn server(name: &str) -> Option<String> {
    let value = env::var(name).ok();
    if value.is_none() {
        let reason = match env::var(FAST) {
            Ok(_) => "SKIPPED because --fast starts no servers".to_owned(),
            Err(_) => format!("SKIPPED because {name} is not set; run `cargo xtask test`"),
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
    value
}

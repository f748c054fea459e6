//! The `slipway-builder` program: `serve`, `migrate`, `config` and `health`.

use slipway_builder::{config::Config, store::Migrator, wire_up};

fn main() -> std::process::ExitCode {
    slipway_daemon::process::main::<Config, Migrator>("builder", &|config, supervisor| {
        Box::pin(wire_up::start(config, supervisor))
    })
}

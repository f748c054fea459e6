//! `slipway-catalog serve | migrate | config | health`.

use slipway_catalog::{config::Config, store::Migrator, wire_up};

fn main() -> std::process::ExitCode {
    slipway_daemon::process::main::<Config, Migrator>("catalog", &|config, supervisor| {
        Box::pin(wire_up::start(config, supervisor))
    })
}

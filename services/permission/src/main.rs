//! `slipway-permission serve | migrate | config | health`.

use slipway_permission::{config::Config, store::Migrator, wire_up};

fn main() -> std::process::ExitCode {
    slipway_daemon::process::main::<Config, Migrator>("permission", &|config, supervisor| {
        Box::pin(wire_up::start(config, supervisor))
    })
}

//! A closed-loop load on a running Slipway: how long each call takes for one caller and for many.
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod calls;
mod load;
mod operations;

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use comfy_table::{Table, presets};

use crate::{
    load::Measurement,
    operations::{Operation, Target},
};

/// Measures GetImage, ResolveImage, Check and CreateImage against running services.
///
/// Prepares one image for everyone, which needs the token of a platform admin.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address of the permission service, such as `http://127.0.0.1:50051`.
    #[arg(long, env = "SLIPWAY_PERMISSION")]
    permission: String,
    /// Address of the catalog, such as `http://127.0.0.1:50052`.
    #[arg(long, env = "SLIPWAY_CATALOG")]
    catalog: String,
    /// Bearer token of a platform admin.
    #[arg(long, env = "SLIPWAY_TOKEN", hide_env_values = true)]
    token: String,
    /// Reference of an image that the catalog can verify, such as `127.0.0.1:5000/base:1`.
    #[arg(long)]
    reference: String,
    /// Concurrent callers, one row for each number. A service admits 64 calls of one caller.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64])]
    callers: Vec<usize>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let target = Target::prepare(
        &arguments.permission,
        &arguments.catalog,
        &arguments.token,
        &arguments.reference,
    )
    .await?;
    let duration = Duration::from_secs(arguments.seconds);

    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["operation", "callers", "calls/s", "p50 ms", "p99 ms", "failed"]);
    for operation in Operation::ALL {
        for callers in &arguments.callers {
            let measurement = load::measure(&target, operation, *callers, duration).await?;
            table.add_row(row(operation, *callers, &measurement));
        }
    }

    println!("{table}");
    Ok(())
}

fn row(operation: Operation, callers: usize, measurement: &Measurement) -> [String; 6] {
    let milliseconds = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1_000.0);

    [
        operation.name().to_owned(),
        callers.to_string(),
        format!("{:.0}", measurement.calls_per_second()),
        milliseconds(measurement.percentile(50)),
        milliseconds(measurement.percentile(99)),
        measurement.failed.to_string(),
    ]
}

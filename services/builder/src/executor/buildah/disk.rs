//! Measures disk usage: no control group limits it.

use std::{io, path::Path, time::Duration};

use slipway_names::unit::ByteCount;
use tokio::time::{Instant, sleep, timeout};

use super::{
    cgroup::Cgroup,
    command::CommandLine,
    namespaces,
    process::{HELPER_TIMEOUT, tokio_command},
};

/// Shortest time between two measurements of an attempt.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// After a measurement the watch waits this many times as long as the measurement took.
const CHECK_PAUSE_FACTOR: u32 = 20;

/// Returns when the folder holds more than `limit`, or too many files to be measured in time.
///
/// The pause between measurements grows with their duration, so that measuring takes at most about
/// a twentieth of the time.
pub(super) async fn watch(folder: &Path, limit: ByteCount) {
    let mut pause = CHECK_INTERVAL;

    loop {
        sleep(pause).await;
        let began = Instant::now();

        match usage(folder).await {
            Ok(Some(size)) if size <= limit => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(
                    %error,
                    "could not measure the disk usage of an attempt; retrying"
                );
            }
        }

        pause = CHECK_INTERVAL.max(began.elapsed() * CHECK_PAUSE_FACTOR);
    }
}

/// The size of all files below a folder; `None` when there are too many to be measured in time.
pub(super) async fn usage(folder: &Path) -> io::Result<Option<ByteCount>> {
    let measure = namespaces::with_host_network(
        &Cgroup::NONE,
        CommandLine::new("du")
            .switch("-s")
            .switch("--block-size=1")
            .argument(folder.display().to_string()),
    );

    let Ok(output) = timeout(HELPER_TIMEOUT, tokio_command(&measure, folder).output()).await else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&output?.stdout).into_owned();

    let bytes: Option<u64> = text.split_whitespace().next().and_then(|bytes| bytes.parse().ok());
    let size = bytes.and_then(|bytes| ByteCount::try_from(bytes).ok());
    size.map(Some).ok_or_else(|| io::Error::other("`du` printed no size"))
}

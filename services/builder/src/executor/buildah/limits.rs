//! What one attempt may use, and who sees to it: the kernel's control groups, and a watch over its disk.

use std::{fmt, path::Path, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::process;
use crate::domain::failure::{Failure, FailureReason};

/// Between two looks at an attempt's disk, at least; a look never takes more than a twentieth of the time.
const DISK_LOOK: Duration = Duration::from_secs(2);

/// What can be limited, in the order in which it is blamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Main memory, with the page cache that cannot be given back.
    Memory,
    /// Processes and threads.
    Processes,
    /// Processor time.
    Cpu,
}

impl FromStr for Resource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|resource| resource.as_str() == text);
        found.ok_or_else(|| {
            format!("`{text}` is no limit of the host; they are cpu, memory, processes")
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Resource {
    /// All that only the host can limit.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Processes];

    /// As in `executor.accept_unenforced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Cpu => "cpu",
        }
    }
}

/// Of one attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Processors; 1.5 is one and a half.
    pub cpus: f64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Bytes on disk while it runs: its layers, and everything temporary.
    pub disk_bytes: u64,
    /// Uncompressed bytes that it may add to its base.
    pub image_bytes: u64,
    /// Layers of the result, the base's with it.
    pub layers: usize,
    /// Seconds it may print nothing.
    pub idle_seconds: u64,
    /// Seconds of the base's pull, and of the image's push.
    pub transfer_seconds: u64,
}

const GIB: u64 = 1 << 30;

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpus: 2.0,
            memory_bytes: 4 * GIB,
            processes: 4_096,
            disk_bytes: 40 * GIB,
            image_bytes: 20 * GIB,
            layers: 120,
            idle_seconds: 900,
            transfer_seconds: 1_200,
        }
    }
}

impl Limits {
    /// Which value is out of range.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        /// The kernel's PID_MAX_LIMIT.
        const MOST_PROCESSES: u64 = 1 << 22;
        let zero = [
            ("memory_bytes", self.memory_bytes),
            ("processes", self.processes),
            ("disk_bytes", self.disk_bytes),
            ("image_bytes", self.image_bytes),
            ("idle_seconds", self.idle_seconds),
            ("transfer_seconds", self.transfer_seconds),
            ("layers", self.layers as u64),
        ];
        match self.cpus {
            cpus if !(0.01..=10_000.0).contains(&cpus) => Err("cpus"),
            _ if self.processes > MOST_PROCESSES => Err("processes"),
            _ => zero
                .into_iter()
                .find(|(_, value)| *value == 0)
                .map_or(Ok(()), |(name, _)| Err(name)),
        }
    }

    pub(super) fn transfer(&self) -> Duration {
        Duration::from_secs(self.transfer_seconds)
    }

    /// The kernel says what went over.
    pub(super) fn exceeded(&self, resource: Resource, step: &str) -> Failure {
        match resource {
            Resource::Memory => {
                let message = format!(
                    "the build needed more than its {} bytes of memory; split it, or ask for the limit to be raised",
                    self.memory_bytes
                );
                Failure::new(FailureReason::MemoryExceeded, step, message)
            }
            Resource::Processes | Resource::Cpu => {
                let message = format!(
                    "the build needed more than its {} processes at once; ask for the limit to be raised",
                    self.processes
                );
                Failure::new(FailureReason::ProcessesExceeded, step, message)
            }
        }
    }

    pub(super) fn disk_exceeded(&self, step: &str) -> Failure {
        let message = format!(
            "the build filled more than its {} bytes of disk; split it, or ask for the limit to be raised",
            self.disk_bytes
        );
        Failure::new(FailureReason::DiskExceeded, step, message)
    }

    pub(super) fn image_exceeded(&self, bytes: Option<u64>) -> Failure {
        let bytes = bytes.map_or_else(
            || "more files than can be counted".to_owned(),
            |bytes| format!("{bytes} bytes"),
        );
        let message = format!(
            "the image adds {bytes} to its base, at most {} bytes are allowed",
            self.image_bytes
        );
        Failure::new(FailureReason::SizeExceeded, "commit", message)
    }

    pub(super) fn layers_exceeded(&self, base: usize) -> Failure {
        let message = format!(
            "the base has {base} layers, and an image may have {} with ours; squash the base",
            self.layers
        );
        Failure::new(FailureReason::LayersExceeded, "resolve", message)
    }

    /// Returns once the folder holds more than it may.
    pub(super) async fn watch_disk(&self, folder: &Path) {
        let mut pause = DISK_LOOK;
        loop {
            sleep(pause).await;
            let began = Instant::now();
            match process::disk_usage(folder).await {
                Ok(bytes) if bytes.is_none_or(|bytes| bytes > self.disk_bytes) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "an attempt's disk could not be measured; looking again")
                }
            }
            pause = DISK_LOOK.max(began.elapsed() * 20);
        }
    }
}

//! The limits of one attempt. Control groups enforce most of them; disk space is measured.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use slipway_names::unit::ByteCount;

use crate::domain::{
    failure::{Failure, FailureReason},
    step::Step,
};

/// The kernel's PID_MAX_LIMIT.
const MAX_PROCESSES: u64 = 1 << 22;

/// A resource that only the host can limit. The order of the variants decides which one a failure
/// names when several are exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Memory, including page cache that cannot be reclaimed.
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
            format!("`{text}` is not a host limit; use `cpu`, `memory` or `processes`")
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Resource {
    /// All resources.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Processes, Self::Cpu];

    /// The word in `executor.accept_unenforced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Cpu => "cpu",
        }
    }
}

/// The limits of one attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Processors, 0.01 to 10,000; 1.5 is one and a half.
    pub cpus: f64,
    /// Memory.
    pub memory_bytes: ByteCount,
    /// Processes and threads at the same time, at most 4,194,304.
    pub processes: u64,
    /// Disk space during the build: its layers and all temporary files.
    pub disk_bytes: ByteCount,
    /// The uncompressed size that the image adds to its base.
    pub image_bytes: ByteCount,
    /// Layers of the image, including those of the base.
    pub layers: usize,
    /// Seconds without output.
    pub idle_seconds: u64,
    /// Seconds for the pull of the base, and for the push of the image.
    pub transfer_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpus: 2.0,
            memory_bytes: ByteCount::gibibytes(4),
            processes: 4_096,
            disk_bytes: ByteCount::gibibytes(40),
            image_bytes: ByteCount::gibibytes(20),
            layers: 120,
            idle_seconds: 900,
            transfer_seconds: 1_200,
        }
    }
}

impl Limits {
    /// Checks the ranges. Returns the name of the first value that is out of range.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if !(0.01..=10_000.0).contains(&self.cpus) {
            return Err("cpus");
        }
        if self.processes > MAX_PROCESSES {
            return Err("processes");
        }

        let positive = [
            ("memory_bytes", self.memory_bytes.into()),
            ("processes", self.processes),
            ("disk_bytes", self.disk_bytes.into()),
            ("image_bytes", self.image_bytes.into()),
            ("idle_seconds", self.idle_seconds),
            ("transfer_seconds", self.transfer_seconds),
            ("layers", self.layers as u64),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(name),
            None => Ok(()),
        }
    }

    pub(super) fn transfer_timeout(&self) -> Duration {
        Duration::from_secs(self.transfer_seconds)
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    /// The failure of a step whose cgroup reports an exceeded resource.
    pub(super) fn resource_failure(&self, resource: Resource, step: Step) -> Failure {
        match resource {
            Resource::Memory => {
                let message = format!(
                    "The build needed more than {} bytes of memory, the maximum. Install fewer \
                     packages, or ask the operators to raise the limit.",
                    self.memory_bytes
                );
                Failure::new(FailureReason::MemoryExceeded, step, message)
            }
            // A CPU quota slows a step down and is never exceeded.
            Resource::Processes | Resource::Cpu => {
                let message = format!(
                    "The build needed more than {} processes at the same time, the maximum. Ask \
                     the operators to raise the limit.",
                    self.processes
                );
                Failure::new(FailureReason::ProcessesExceeded, step, message)
            }
        }
    }

    pub(super) fn disk_limit_failure(&self, step: Step) -> Failure {
        let message = format!(
            "The build used more than {} bytes of disk, the maximum, or too many files. Install \
             fewer packages, or ask the operators to raise the limit.",
            self.disk_bytes
        );
        Failure::new(FailureReason::DiskExceeded, step, message)
    }

    /// `size` is `None` when the image has too many files to be measured in time.
    pub(super) fn image_size_failure(&self, size: Option<ByteCount>) -> Failure {
        let added = match size {
            Some(size) => format!("{size} bytes"),
            None => "too many files to be measured".to_owned(),
        };
        let message = format!(
            "The image adds {added} to its base; the maximum is {} bytes. Install fewer packages, \
             or ask the operators to raise the limit.",
            self.image_bytes
        );
        Failure::new(FailureReason::SizeExceeded, Step::Commit, message)
    }

    pub(super) fn layers_failure(&self, base_layers: usize) -> Failure {
        let message = format!(
            "The base has {base_layers} layers. With those of the build it would exceed {}, the \
             maximum. Squash the base.",
            self.layers
        );
        Failure::new(FailureReason::LayersExceeded, Step::Resolve, message)
    }
}

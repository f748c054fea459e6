//! The cgroup controllers that enforce limits, with their files in both versions of control groups.

use super::limits::{Limits, Resource};

/// The kernel's default period of the processor quota.
const CPU_PERIOD_MICROSECONDS: u64 = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A cgroup controller: its name, the files of its limit, and its counter of exceeded limits.
pub(super) struct Controller {
    pub(super) resource: Resource,
    pub(super) name: &'static str,
    version: Version,
    /// Files and their values.
    pub(super) limit: fn(&Limits) -> Vec<(&'static str, u64)>,
    /// The file of the counter, and the counter's key in it.
    pub(super) exceeded: Option<(&'static str, &'static str)>,
}

/// Files that some kernels do not have: swap accounting can be switched off.
pub(super) const OPTIONAL_FILES: &[&str] =
    &["memory.swap.max", "memory.memsw.limit_in_bytes", "memory.oom.group"];

const CONTROLLERS: &[Controller] = &[
    Controller {
        resource: Resource::Cpu,
        name: "cpu",
        version: Version::Two,
        limit: |limits| vec![("cpu.max", cpu_quota(limits))],
        exceeded: None,
    },
    Controller {
        resource: Resource::Memory,
        name: "memory",
        version: Version::Two,
        limit: |limits| {
            vec![
                ("memory.max", limits.memory_bytes.into()),
                ("memory.swap.max", 0),
                ("memory.oom.group", 1),
            ]
        },
        exceeded: Some(("memory.events", "oom")),
    },
    Controller {
        resource: Resource::Processes,
        name: "pids",
        version: Version::Two,
        limit: |limits| vec![("pids.max", limits.processes)],
        exceeded: Some(("pids.events", "max")),
    },
    Controller {
        resource: Resource::Cpu,
        name: "cpu",
        version: Version::One,
        limit: |limits| {
            vec![
                ("cpu.cfs_period_us", CPU_PERIOD_MICROSECONDS),
                ("cpu.cfs_quota_us", cpu_quota(limits)),
            ]
        },
        exceeded: None,
    },
    Controller {
        resource: Resource::Memory,
        name: "memory",
        version: Version::One,
        limit: |limits| {
            vec![
                ("memory.limit_in_bytes", limits.memory_bytes.into()),
                ("memory.memsw.limit_in_bytes", limits.memory_bytes.into()),
            ]
        },
        exceeded: Some(("memory.oom_control", "oom_kill")),
    },
    Controller {
        resource: Resource::Processes,
        name: "pids",
        version: Version::One,
        limit: |limits| vec![("pids.max", limits.processes)],
        exceeded: Some(("pids.events", "max")),
    },
];

/// Microseconds of processor time in each period. A quota alone in `cpu.max` keeps the period.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "Limits::check has made sure that the value is positive and small"
)]
fn cpu_quota(limits: &Limits) -> u64 {
    (limits.cpus * CPU_PERIOD_MICROSECONDS as f64) as u64
}

pub(super) fn controllers_of(version: Version) -> impl Iterator<Item = &'static Controller> {
    CONTROLLERS.iter().filter(move |controller| controller.version == version)
}

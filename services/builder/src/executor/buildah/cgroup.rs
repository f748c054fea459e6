//! Control groups: one for each attempt, below a group that was delegated to the builder. Version 2, and version 1 for older hosts.
//!
//! Files and their meaning: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{AccessFlags, Pid, access},
};
use procfs::{ProcessCGroup, process::MountInfo};
use uuid::Uuid;

use super::limits::{Limits, Resource};

const PERIOD_MICROSECONDS: u64 = 100_000;
/// Tries to leave a group that others of ours enter and leave.
const MOVES: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What a controller is called, how it is told a limit, and where it counts what went over.
struct Controller {
    resource: Resource,
    name: &'static str,
    version: Version,
    limit: fn(&Limits) -> Vec<(&'static str, u64)>,
    /// A file and the key in it.
    exceeded: Option<(&'static str, &'static str)>,
}

/// Not on every kernel: swap need not be accounted for.
const OPTIONAL: &[&str] = &["memory.swap.max", "memory.memsw.limit_in_bytes", "memory.oom.group"];

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
                ("memory.max", limits.memory_bytes),
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
                ("cpu.cfs_period_us", PERIOD_MICROSECONDS),
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
                ("memory.limit_in_bytes", limits.memory_bytes),
                ("memory.memsw.limit_in_bytes", limits.memory_bytes),
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

/// `cpu.max` takes the quota alone and keeps its period of 100 ms.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "checked to be positive and small"
)]
fn cpu_quota(limits: &Limits) -> u64 {
    (limits.cpus * PERIOD_MICROSECONDS as f64) as u64
}

/// A folder in which the builder may make groups, and what can be limited there.
struct Folder {
    path: PathBuf,
    controllers: Vec<&'static Controller>,
}

/// What was delegated to this process; no folders where nothing was.
pub(super) struct Delegation {
    folders: Vec<Folder>,
    prefix: String,
}

impl Delegation {
    /// Finds it from the process's own groups. Builders that share one tell their groups apart by the data directory.
    pub(super) fn find(data_dir: &Path) -> Self {
        let folders = Self::read().unwrap_or_else(|error| {
            tracing::warn!(%error, "the host's control groups cannot be read");
            Vec::new()
        });
        let whose = Uuid::new_v5(&Uuid::NAMESPACE_OID, data_dir.as_os_str().as_encoded_bytes());
        Self { folders, prefix: format!("slipway-{}-", whose.simple()) }
    }

    fn read() -> procfs::ProcResult<Vec<Folder>> {
        let process = procfs::process::Process::myself()?;
        let (groups, mounts) = (process.cgroups()?, process.mountinfo()?);
        let groups: Vec<ProcessCGroup> = groups.into_iter().collect();
        let folders = mounts.into_iter().filter_map(|mount| match mount.fs_type.as_str() {
            "cgroup2" => own_folder(&mount, groups.iter().find(|group| group.hierarchy == 0)?)
                .and_then(|own| delegated_v2(&own)),
            "cgroup" => {
                let controllers: Vec<_> = of_version(Version::One)
                    .filter(|one| mount.super_options.contains_key(one.name))
                    .collect();
                let name = controllers.first()?.name;
                let path = own_folder(
                    &mount,
                    groups.iter().find(|group| group.controllers.iter().any(|own| own == name))?,
                )?;
                is_ours(&path).then_some(Folder { path, controllers })
            }
            _ => None,
        });
        Ok(folders.filter(|folder| !folder.controllers.is_empty()).collect())
    }

    /// What the groups made here will limit.
    pub(super) fn resources(&self) -> Vec<Resource> {
        self.folders
            .iter()
            .flat_map(|folder| &folder.controllers)
            .map(|controller| controller.resource)
            .collect()
    }

    /// The group of this name, which need not exist yet.
    pub(super) fn group(&self, name: &str) -> Group {
        let path = |folder: &Folder| folder.path.join(format!("{}{name}", self.prefix));
        Group {
            parts: self
                .folders
                .iter()
                .map(|folder| (path(folder), folder.controllers.clone()))
                .collect(),
        }
    }

    /// Removes every group of this builder's: only for one that begins, and has none.
    pub(super) fn clear(&self) {
        for folder in
            self.folders.iter().flat_map(|folder| fs::read_dir(&folder.path)).flatten().flatten()
        {
            if folder.file_name().to_string_lossy().starts_with(&self.prefix)
                && !remove(&folder.path())
            {
                tracing::warn!(cgroup.path = %folder.path().display(), "a control group that a worker before left could not be removed");
            }
        }
    }
}

/// One group, in as many hierarchies as there are.
pub(super) struct Group {
    parts: Vec<(PathBuf, Vec<&'static Controller>)>,
}

impl Group {
    /// No group at all: for cleaning, which must not be held up by limits.
    pub(super) const NONE: Self = Self { parts: Vec::new() };

    /// Makes it and sets its limits.
    pub(super) fn make(&self, limits: &Limits) -> io::Result<()> {
        for (folder, controllers) in &self.parts {
            fs::create_dir_all(folder)?;
            for (file, value) in
                controllers.iter().flat_map(|controller| (controller.limit)(limits))
            {
                let path = folder.join(file);
                if path.exists() || !OPTIONAL.contains(&file) {
                    fs::write(path, value.to_string())?;
                }
            }
        }
        Ok(())
    }

    /// Files that a process writes its id into to enter the group.
    pub(super) fn entrances(&self) -> impl Iterator<Item = String> {
        self.parts.iter().map(|(folder, _)| folder.join("cgroup.procs").display().to_string())
    }

    /// What went over its limit, if anything did.
    pub(super) fn exceeded(&self) -> Option<Resource> {
        let counts = |folder: &Path, controller: &Controller| {
            let (file, key) = controller.exceeded?;
            let text = fs::read_to_string(folder.join(file)).ok()?;
            text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok())
        };
        let all = self.parts.iter().flat_map(|(folder, controllers)| {
            controllers.iter().map(move |controller| (folder, controller))
        });
        all.filter(|(folder, controller)| counts(folder, controller).is_some_and(|count| count > 0))
            .map(|(_, controller)| controller.resource)
            .min()
    }

    /// Ends what still runs in it, and removes it; `false` while something has not ended yet.
    pub(super) fn remove(&self) -> bool {
        self.parts.iter().filter(|(folder, _)| !remove(folder)).count() == 0
    }
}

fn remove(folder: &Path) -> bool {
    for inner in fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
    {
        remove(&inner.path());
    }
    for id in processes(folder) {
        let _ = kill(id, Signal::SIGKILL);
    }
    fs::remove_dir(folder).map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true)
}

fn of_version(version: Version) -> impl Iterator<Item = &'static Controller> {
    CONTROLLERS.iter().filter(move |controller| controller.version == version)
}

fn own_folder(mount: &MountInfo, group: &ProcessCGroup) -> Option<PathBuf> {
    let inside = Path::new(&group.pathname).strip_prefix(&mount.root).ok()?;
    Some(mount.mount_point.join(inside))
}

fn is_ours(folder: &Path) -> bool {
    let can_write = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
    can_write(folder) && can_write(&folder.join("cgroup.procs"))
}

fn processes(folder: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    // 0 stands for a process that this one cannot see.
    text.lines()
        .filter_map(|line| line.parse().ok())
        .filter(|id| *id > 0)
        .map(Pid::from_raw)
        .collect()
}

/// The group above, where the process was started in a part of what was delegated (systemd's `DelegateSubgroup=`): ours, and nothing above
/// it is. Else its own, which it leaves for a part of it: controllers are handed down only by groups without processes.
fn delegated_v2(own: &Path) -> Option<Folder> {
    let above = own.parent().filter(|above| is_ours(above) && !above.parent().is_some_and(is_ours));
    let path = above.or_else(|| is_ours(own).then_some(own))?.to_owned();
    let offered = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
    let controllers: Vec<_> = of_version(Version::Two)
        .filter(|two| offered.split_whitespace().any(|name| name == two.name))
        .collect();
    let hand_down = || {
        controllers.iter().try_for_each(|controller| {
            fs::write(path.join("cgroup.subtree_control"), format!("+{}", controller.name))
        })
    };
    let mut handed_down = hand_down();
    for _ in 0..MOVES {
        if handed_down.is_ok() || path != own || controllers.is_empty() {
            break;
        }
        move_into_part(own);
        handed_down = hand_down();
    }
    match handed_down {
        Ok(()) => Some(Folder { path, controllers }),
        Err(error) => {
            tracing::warn!(%error, cgroup.path = %path.display(), "the builder's control group is not delegated to it");
            None
        }
    }
}

/// Whoever ends or begins meanwhile is met the next time.
fn move_into_part(own: &Path) {
    let part = own.join("slipway-builder");
    let _ = fs::create_dir_all(&part);
    for id in processes(own) {
        let _ = fs::write(part.join("cgroup.procs"), id.to_string());
    }
}

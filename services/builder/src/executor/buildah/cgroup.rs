//! Control groups, one for each attempt, below the cgroup that is delegated to the builder.
//!
//! Source for the files and their meaning: the kernel's Documentation/admin-guide/cgroup-v2.rst,
//! and Documentation/admin-guide/cgroup-v1/ for older hosts.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{AccessFlags, Pid, access},
};
use procfs::{
    ProcResult, ProcessCGroup,
    process::{MountInfo, Process},
};
use uuid::Uuid;

use super::{
    controller::{Controller, OPTIONAL_FILES, Version, controllers_of},
    limits::{Limits, Resource},
};

/// How often processes are moved out of the builder's cgroup before giving up; others may start in
/// it meanwhile.
const MAX_MOVE_ROUNDS: usize = 10;

const PROCS_FILE: &str = "cgroup.procs";

/// A directory in one cgroup hierarchy, and the controllers that are available there.
struct Directory {
    path: PathBuf,
    controllers: Vec<&'static Controller>,
}

/// What is delegated to this process: a directory in each hierarchy, or none.
pub(super) struct CgroupRoot {
    hierarchies: Vec<Directory>,
    prefix: String,
}

impl CgroupRoot {
    /// Finds the delegated hierarchies, starting from the process's own cgroups.
    ///
    /// The names of the builder's cgroups contain an id of the data directory, because several
    /// builders may share one delegated cgroup.
    pub(super) fn find(data_dir: &Path) -> Self {
        let hierarchies = Self::read_hierarchies().unwrap_or_else(|error| {
            tracing::warn!(%error, "could not read the control groups of this host");
            Vec::new()
        });
        let builder = Uuid::new_v5(&Uuid::NAMESPACE_OID, data_dir.as_os_str().as_encoded_bytes());

        Self { hierarchies, prefix: format!("slipway-{}-", builder.simple()) }
    }

    fn read_hierarchies() -> ProcResult<Vec<Directory>> {
        let process = Process::myself()?;
        let cgroups: Vec<ProcessCGroup> = process.cgroups()?.into_iter().collect();
        let mounts = process.mountinfo()?;

        let hierarchies = mounts.into_iter().filter_map(|mount| match mount.fs_type.as_str() {
            "cgroup2" => hierarchy_v2(&mount, &cgroups),
            "cgroup" => hierarchy_v1(&mount, &cgroups),
            _ => None,
        });

        Ok(hierarchies.filter(|hierarchy| !hierarchy.controllers.is_empty()).collect())
    }

    /// The resources that this host can limit.
    pub(super) fn resources(&self) -> Vec<Resource> {
        self.hierarchies
            .iter()
            .flat_map(|hierarchy| &hierarchy.controllers)
            .map(|controller| controller.resource)
            .collect()
    }

    /// The cgroup of this name. It need not exist yet.
    pub(super) fn cgroup(&self, name: &str) -> Cgroup {
        let directory = |hierarchy: &Directory| Directory {
            path: hierarchy.path.join(format!("{}{name}", self.prefix)),
            controllers: hierarchy.controllers.clone(),
        };

        Cgroup { directories: self.hierarchies.iter().map(directory).collect() }
    }

    /// Kills and removes all cgroups of this builder. Only for the start, when no attempt runs.
    pub(super) fn remove_all(&self) {
        let entries = self
            .hierarchies
            .iter()
            .flat_map(|hierarchy| fs::read_dir(&hierarchy.path))
            .flatten()
            .flatten();

        for entry in entries {
            let is_ours = entry.file_name().to_string_lossy().starts_with(&self.prefix);

            if is_ours && !remove(&entry.path()) {
                tracing::warn!(
                    cgroup.path = %entry.path().display(),
                    "could not remove a control group of an earlier worker"
                );
            }
        }
    }
}

/// One cgroup, with a directory in each hierarchy.
pub(super) struct Cgroup {
    directories: Vec<Directory>,
}

impl Cgroup {
    /// No cgroup. For clean-up commands, which an exceeded limit must not stop.
    pub(super) const NONE: Self = Self { directories: Vec::new() };

    /// Creates the cgroup and sets its limits.
    pub(super) fn create(&self, limits: &Limits) -> io::Result<()> {
        for directory in &self.directories {
            fs::create_dir_all(&directory.path)?;

            let values =
                directory.controllers.iter().flat_map(|controller| (controller.limit)(limits));
            for (file, value) in values {
                let path = directory.path.join(file);
                if path.exists() || !OPTIONAL_FILES.contains(&file) {
                    fs::write(path, value.to_string())?;
                }
            }
        }
        Ok(())
    }

    /// The files into which a process writes its id to enter the cgroup.
    pub(super) fn procs_files(&self) -> impl Iterator<Item = String> {
        self.directories
            .iter()
            .map(|directory| directory.path.join(PROCS_FILE).display().to_string())
    }

    /// The exceeded resource; the first in the order of [`Resource`] when there are several.
    pub(super) fn exceeded(&self) -> Option<Resource> {
        self.directories.iter().flat_map(Directory::exceeded).min()
    }

    /// Kills the processes of the cgroup and removes it. `false` when some have not ended yet.
    pub(super) fn remove(&self) -> bool {
        // Every directory is tried, also after one that could not be removed.
        self.directories.iter().filter(|directory| !remove(&directory.path)).count() == 0
    }
}

impl Directory {
    fn exceeded(&self) -> impl Iterator<Item = Resource> {
        self.controllers
            .iter()
            .filter(|controller| self.exceeded_count(controller).is_some_and(|count| count > 0))
            .map(|controller| controller.resource)
    }

    fn exceeded_count(&self, controller: &Controller) -> Option<u64> {
        let (file, key) = controller.exceeded?;
        let text = fs::read_to_string(self.path.join(file)).ok()?;

        text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
    }
}

/// Kills the processes of a cgroup directory and removes it. `false` when it still exists.
fn remove(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let children = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    for child in children {
        remove(&child.path());
    }

    for process in processes(directory) {
        let _ = kill(process, Signal::SIGKILL);
    }

    match fs::remove_dir(directory) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// The process's own cgroup directory below the mount.
fn own_path(mount: &MountInfo, cgroup: &ProcessCGroup) -> Option<PathBuf> {
    let relative = Path::new(&cgroup.pathname).strip_prefix(&mount.root).ok()?;
    Some(mount.mount_point.join(relative))
}

fn is_delegated(directory: &Path) -> bool {
    is_writable(directory) && is_writable(&directory.join(PROCS_FILE))
}

fn is_writable(path: &Path) -> bool {
    access(path, AccessFlags::W_OK).is_ok()
}

fn processes(directory: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(directory.join(PROCS_FILE)).unwrap_or_default();

    // The kernel writes 0 for a process that is outside the reader's PID namespace.
    text.lines()
        .filter_map(|line| line.parse().ok())
        .filter(|id| *id > 0)
        .map(Pid::from_raw)
        .collect()
}

fn hierarchy_v1(mount: &MountInfo, cgroups: &[ProcessCGroup]) -> Option<Directory> {
    let controllers: Vec<_> = controllers_of(Version::One)
        .filter(|controller| mount.super_options.contains_key(controller.name))
        .collect();
    let name = controllers.first()?.name;
    let cgroup =
        cgroups.iter().find(|cgroup| cgroup.controllers.iter().any(|other| other == name))?;
    let path = own_path(mount, cgroup)?;

    is_delegated(&path).then_some(Directory { path, controllers })
}

fn hierarchy_v2(mount: &MountInfo, cgroups: &[ProcessCGroup]) -> Option<Directory> {
    let cgroup = cgroups.iter().find(|cgroup| cgroup.hierarchy == 0)?;
    let own = own_path(mount, cgroup)?;
    let path = delegated_path_v2(&own)?;
    let controllers = available_controllers_v2(path);

    if let Err(error) = enable_controllers_v2(path, &own, &controllers) {
        tracing::warn!(
            %error,
            cgroup.path = %path.display(),
            "could not enable the controllers of the builder's control group; \
             it is not delegated to the builder"
        );
        return None;
    }

    Some(Directory { path: path.to_owned(), controllers })
}

/// The topmost directory that is delegated to the builder.
///
/// It is the parent of the process's own cgroup when the process was started in a subgroup of the
/// delegated cgroup (systemd's `DelegateSubgroup=`): the parent is writable and its parent is not.
/// Otherwise it is the process's own cgroup.
fn delegated_path_v2(own: &Path) -> Option<&Path> {
    if let Some(parent) = own.parent()
        && is_delegated(parent)
        && !parent.parent().is_some_and(is_delegated)
    {
        return Some(parent);
    }

    is_delegated(own).then_some(own)
}

fn available_controllers_v2(path: &Path) -> Vec<&'static Controller> {
    let available = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();

    controllers_of(Version::Two)
        .filter(|controller| available.split_whitespace().any(|name| name == controller.name))
        .collect()
}

/// Enables the controllers for the children of `path`.
///
/// A cgroup with processes cannot do that (cgroup-v2.rst, "No Internal Process Constraint"). When
/// `path` is the process's own cgroup, its processes move to a subgroup first.
fn enable_controllers_v2(path: &Path, own: &Path, controllers: &[&Controller]) -> io::Result<()> {
    if path != own {
        return write_subtree_control(path, controllers);
    }

    for _ in 0..MAX_MOVE_ROUNDS {
        if write_subtree_control(path, controllers).is_ok() {
            return Ok(());
        }
        move_to_subgroup(own);
    }
    write_subtree_control(path, controllers)
}

fn write_subtree_control(path: &Path, controllers: &[&Controller]) -> io::Result<()> {
    for controller in controllers {
        fs::write(path.join("cgroup.subtree_control"), format!("+{}", controller.name))?;
    }
    Ok(())
}

/// Moves the processes that it finds. Processes may end or start meanwhile, so callers repeat it.
fn move_to_subgroup(own: &Path) {
    let subgroup = own.join("slipway-builder");
    let _ = fs::create_dir_all(&subgroup);

    for process in processes(own) {
        let _ = fs::write(subgroup.join(PROCS_FILE), process.to_string());
    }
}

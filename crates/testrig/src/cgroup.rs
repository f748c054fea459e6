//! A control group of the unprivileged user, as systemd's `Delegate=yes` gives one, so that tests
//! can check the limits of builds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use nix::unistd::{AccessFlags, Gid, Uid, access, chown};
use procfs::{
    ProcessCGroup,
    process::{MountInfo, Process},
};

const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// The files that a delegation hands over (kernel, cgroup-v2, delegation); the empty name is the
/// folder. The limits stay root's.
const DELEGATED_FILES: [&str; 5] =
    ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"];

/// Control groups of the user. This process and its children stay in them until this is dropped.
#[derive(Debug)]
pub struct DelegatedCgroups {
    moves: Vec<Move>,
}

/// The move of this process in one hierarchy.
#[derive(Debug)]
struct Move {
    from: PathBuf,
    /// The created folders, the innermost first. The innermost holds the processes.
    created: Vec<PathBuf>,
}

impl DelegatedCgroups {
    /// Creates the groups and moves this process into them. Needs root.
    ///
    /// # Errors
    /// If this host has no such groups, or they cannot be written.
    pub fn enter(uid: Uid, gid: Gid) -> Result<Self> {
        let name = format!("slipway-lab-{uid}");
        let mut moves = Vec::new();

        for OwnGroup { path, is_version_two } in own_groups()? {
            let created =
                if is_version_two { paths_in_v2(&path, &name)? } else { vec![path.join(&name)] };
            for folder in created.iter().rev() {
                create_delegated(folder, uid, gid)?;
            }

            move_this_process(created.first().unwrap_or(&path))?;
            moves.push(Move { from: path, created });
        }

        Ok(Self { moves })
    }
}

impl Drop for DelegatedCgroups {
    fn drop(&mut self) {
        for Move { from, created } in &self.moves {
            let _ = move_this_process(from);

            // A folder cannot be removed while processes run in it; such a folder stays.
            for folder in created {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// Whether this process may already write to its own control groups.
pub fn is_delegated() -> bool {
    let is_writable = |path: &Path| access(path, AccessFlags::W_OK).is_ok();

    own_groups().is_ok_and(|groups| {
        !groups.is_empty()
            && groups.iter().all(|group| {
                is_writable(&group.path) || group.path.parent().is_some_and(is_writable)
            })
    })
}

fn create_delegated(folder: &Path, uid: Uid, gid: Gid) -> Result<()> {
    fs::create_dir_all(folder)?;

    for path in DELEGATED_FILES.map(|name| folder.join(name)) {
        if path.exists() {
            chown(&path, Some(uid), Some(gid))?;
        }
    }

    Ok(())
}

fn move_this_process(folder: &Path) -> Result<()> {
    fs::write(folder.join("cgroup.procs"), std::process::id().to_string())
        .with_context(|| folder.display().to_string())
}

/// The control group of this process in one hierarchy.
struct OwnGroup {
    path: PathBuf,
    is_version_two: bool,
}

/// The groups of this process in the hierarchies that have the controllers.
fn own_groups() -> Result<Vec<OwnGroup>> {
    let process = Process::myself()?;
    let groups: Vec<_> = process.cgroups()?.into_iter().collect();

    Ok(process.mountinfo()?.into_iter().filter_map(|mount| own_group(&mount, &groups)).collect())
}

/// The group of this process in a mounted hierarchy. `None` if the mount is no hierarchy with the
/// controllers.
fn own_group(mount: &MountInfo, groups: &[ProcessCGroup]) -> Option<OwnGroup> {
    let is_version_two = mount.fs_type == "cgroup2";
    let group = match mount.fs_type.as_str() {
        "cgroup" => {
            let controller =
                CONTROLLERS.into_iter().find(|name| mount.super_options.contains_key(*name))?;
            groups.iter().find(|group| group.controllers.iter().any(|name| name == controller))?
        }
        "cgroup2" => groups.iter().find(|group| group.hierarchy == 0)?,
        _ => return None,
    };

    let inside = Path::new(&group.pathname).strip_prefix(&mount.root).ok()?;
    let path = mount.mount_point.join(inside);
    if is_version_two && !lists_controllers(&path, "cgroup.controllers") {
        return None;
    }

    Some(OwnGroup { path, is_version_two })
}

/// Whether a file of the group lists all [`CONTROLLERS`].
fn lists_controllers(group: &Path, file: &str) -> bool {
    let text = fs::read_to_string(group.join(file)).unwrap_or_default();

    CONTROLLERS.iter().all(|name| text.split_whitespace().any(|listed| listed == *name))
}

/// Paths for the user's group and for the group of its processes inside, the latter first.
///
/// In version 2 only groups without processes enable controllers for their children. The user's
/// group is therefore created below the nearest ancestor that does.
fn paths_in_v2(own: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let ancestor = own
        .ancestors()
        .find(|group| lists_controllers(group, "cgroup.subtree_control"))
        .context("no ancestor's control group enables cpu, memory and pids for its children")?;
    let group = ancestor.join(name);

    Ok(vec![group.join("run"), group])
}

//! A control group for the ordinary user, as systemd's `Delegate=yes` gives one, so that the limits of builds are tested for real.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use nix::unistd::{AccessFlags, Gid, Uid, access, chown};
use procfs::process::Process;

const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// This process and all that it starts lie in the user's group until this is dropped.
#[derive(Debug)]
pub struct Delegated {
    /// Where we came from, and the folders made below: the innermost, which holds the processes, first.
    moves: Vec<(PathBuf, Vec<PathBuf>)>,
}

impl Delegated {
    /// Makes the groups and enters them. Needs root.
    ///
    /// # Errors
    /// When this host has no such groups, or they cannot be written.
    pub fn enter(uid: Uid, gid: Gid) -> Result<Self> {
        let mut moves = Vec::new();
        let name = format!("slipway-lab-{uid}");
        for (own, version_two) in own_groups()? {
            let made = if version_two { inside_v2(&own, &name)? } else { vec![own.join(&name)] };
            for folder in made.iter().rev() {
                fs::create_dir_all(folder)?;
                // What the kernel's documentation says a delegation hands over; the limits themselves stay root's.
                for path in
                    ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"]
                        .map(|name| folder.join(name))
                {
                    if path.exists() {
                        chown(&path, Some(uid), Some(gid))?;
                    }
                }
            }
            move_to(made.first().unwrap_or(&own))?;
            moves.push((own, made));
        }
        Ok(Self { moves })
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        for (from, made) in &self.moves {
            let _ = move_to(from);
            // Whatever still runs there keeps its group.
            made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
        }
    }
}

/// Whether somebody has delegated our own groups to us.
pub fn is_delegated() -> bool {
    let ours = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
    own_groups().is_ok_and(|groups| {
        !groups.is_empty()
            && groups.iter().all(|(own, _)| ours(own) || own.parent().is_some_and(ours))
    })
}

fn move_to(folder: &Path) -> Result<()> {
    fs::write(folder.join("cgroup.procs"), std::process::id().to_string())
        .with_context(|| folder.display().to_string())
}

/// Our groups in the hierarchies that have the controllers, and whether it is version 2.
fn own_groups() -> Result<Vec<(PathBuf, bool)>> {
    let process = Process::myself()?;
    let groups: Vec<_> = process.cgroups()?.into_iter().collect();
    let own = |mount: procfs::process::MountInfo| {
        let name = CONTROLLERS.iter().find(|name| mount.super_options.contains_key(**name));
        let group = match mount.fs_type.as_str() {
            "cgroup" => groups
                .iter()
                .find(|group| group.controllers.iter().any(|own| Some(&own.as_str()) == name))?,
            "cgroup2" => groups.iter().find(|group| group.hierarchy == 0)?,
            _ => return None,
        };
        let path =
            mount.mount_point.join(Path::new(&group.pathname).strip_prefix(&mount.root).ok()?);
        let version_two = mount.fs_type == "cgroup2";
        (!version_two || offers(&path, "cgroup.controllers")).then_some((path, version_two))
    };
    Ok(process.mountinfo()?.into_iter().filter_map(own).collect())
}

fn offers(group: &Path, file: &str) -> bool {
    let text = fs::read_to_string(group.join(file)).unwrap_or_default();
    CONTROLLERS.iter().all(|name| text.split_whitespace().any(|own| own == *name))
}

/// Only groups without processes hand controllers down, so ours lies below the nearest that does, and its processes in a part of it.
fn inside_v2(own: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let above = own.ancestors().find(|group| offers(group, "cgroup.subtree_control"));
    let group = above.context("no control group above hands down cpu, memory and pids")?.join(name);
    Ok(vec![group.join("run"), group])
}

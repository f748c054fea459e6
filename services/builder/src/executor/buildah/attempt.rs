//! The files and the control group of one attempt.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use slipway_names::id::BuildId;
use slipway_packages::PackageLists;

use super::{cgroup::Cgroup, settings::PackageSources};
use crate::domain::{
    attempt::AttemptNumber,
    containerfile::{ContextFile, context_files},
    step::Step,
};

/// The storage configuration for pulls: the store of bases.
pub(super) const BASES_STORAGE: &str = "bases.conf";

/// The configuration of buildah itself, in place of the host's.
pub(super) const CONTAINERS_CONF: &str = "containers.conf";

/// The text of [`CONTAINERS_CONF`]. Without a list, buildah gives steps more capabilities; without
/// `base_hosts_file`, it copies the host's `/etc/hosts` into them. Format: containers.conf(5).
const CONTAINERS_CONF_TEXT: &str = r#"[containers]
base_hosts_file = "none"
default_capabilities = [
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
]
"#;

/// The storage configuration for builds and pushes: the attempt's own store above the bases.
pub(super) const ATTEMPT_STORAGE: &str = "attempt.conf";

pub(super) struct Attempt {
    pub(super) folder: PathBuf,
    pub(super) cgroup: Cgroup,
}

impl Attempt {
    /// The name of the attempt's folder and cgroup.
    pub(super) fn name(build: BuildId, number: AttemptNumber) -> String {
        format!("{build}-{number}")
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Creates the directories and the configurations of buildah.
    ///
    /// There are two stores. All attempts share the bases, which only pulls write. The layers of
    /// the attempt lie in a store of its own.
    pub(super) fn prepare_directories(&self, bases: &Path) -> io::Result<()> {
        for name in ["run", "tmp", "context"] {
            fs::create_dir_all(self.folder.join(name))?;
        }

        fs::write(self.folder.join(CONTAINERS_CONF), CONTAINERS_CONF_TEXT)?;

        let bases_storage = storage(bases, &self.folder.join("run/bases"));
        fs::write(self.folder.join(BASES_STORAGE), bases_storage)?;

        let attempt_storage =
            storage(&self.folder.join("storage"), &self.folder.join("run/attempt"));
        fs::write(
            self.folder.join(ATTEMPT_STORAGE),
            format!("{attempt_storage}[storage.options]\nadditionalimagestores = [{bases:?}]\n"),
        )
    }

    /// Writes the Containerfile and the context, with a folder for each step.
    pub(super) fn write_context(
        &self,
        containerfile: &str,
        packages: &PackageLists,
        sources: &PackageSources,
    ) -> io::Result<()> {
        fs::write(self.folder.join("Containerfile"), containerfile)?;
        let context_folder = self.folder.join("context");
        let ca_bundle = sources.ca_bundle();

        for step in Step::INSTALLS {
            let folder = context_folder.join(step.to_string());
            fs::create_dir_all(&folder)?;

            for ContextFile { name, text } in context_files(step, packages) {
                fs::write(folder.join(name), text)?;
            }
            for (name, text) in sources.files(step) {
                fs::write(folder.join(name), text)?;
            }
            if let Some(ca_bundle) = &ca_bundle {
                fs::copy(ca_bundle, folder.join("ca.pem"))?;
            }
        }

        if let Some(wheel) = sources.pip_wheel() {
            fs::copy(wheel, context_folder.join(Step::Pip.to_string()).join("pip.whl"))?;
        }
        Ok(())
    }
}

/// A storage configuration. Format: containers-storage.conf(5).
fn storage(graph_root: &Path, run_root: &Path) -> String {
    format!("[storage]\ndriver = \"overlay\"\ngraphroot = {graph_root:?}\nrunroot = {run_root:?}\n")
}

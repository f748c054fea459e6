//! The buildah executor, rootless. Each attempt has a user and PID namespace, the configured
//! network, a control group and a storage of its own, above a store of bases that all attempts
//! share.

mod attempt;
mod base_layers;
mod cgroup;
mod command;
mod controller;
mod disk;
mod install;
mod limits;
mod namespaces;
mod probe;
mod process;
mod settings;
mod transfer;

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use async_trait::async_trait;
use nix::fcntl::{Flock, FlockArg};
use slipway_names::{id::BuildId, platform::Platform, reference::Reference};
use slipway_packages::{PackageLists, PackageRules};
use slipway_registry::{Inspection, Registries, RegistryError, check_base};

use crate::{
    domain::{
        attempt::AttemptNumber,
        build::{Build, Pushed, ResolvedBase},
        containerfile::{Recipe, render},
        failure::{Failure, FailureReason},
        step::Step,
    },
    worker::{
        executor::{Base, Executor},
        log_sink::LogSink,
    },
};

use attempt::Attempt;
use cgroup::CgroupRoot;

pub use limits::{Limits, Resource};
pub use probe::{IsolationReport, UnsupportedHost};
pub use settings::{NetworkMode, PackageSources, Settings};

/// Accepts images without a signature, because Slipway pins bases by digest.
/// Format: containers-policy.json(5).
const SIGNATURE_POLICY: &str = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// Builds images with buildah.
pub struct Buildah {
    settings: Settings,
    package_rules: PackageRules,
    registries: Registries,
    platform: Platform,
    cgroup_root: CgroupRoot,
    /// Locks the data directory: a starting builder deletes all attempts that it finds there.
    _lock: Flock<fs::File>,
}

impl Buildah {
    /// Locks the data directory, and tries what the host can isolate and limit.
    ///
    /// # Errors
    /// [`UnsupportedHost`] when the data directory cannot be used, or when the host cannot provide
    /// what the settings demand.
    pub async fn new(
        settings: Settings,
        package_rules: PackageRules,
        registries: Registries,
    ) -> Result<(Self, IsolationReport), UnsupportedHost> {
        let lock = lock_data_dir(&settings.data_dir)?;
        let cgroup_root = CgroupRoot::find(&settings.data_dir);
        let isolation = probe::probe(&settings, &cgroup_root).await?;

        let buildah = Self {
            settings,
            package_rules,
            registries,
            platform: Platform::linux_amd64(),
            cgroup_root,
            _lock: lock,
        };
        Ok((buildah, isolation))
    }

    fn attempt_named(&self, name: &str) -> Attempt {
        Attempt {
            folder: self.settings.data_dir.join("attempts").join(name),
            cgroup: self.cgroup_root.cgroup(name),
        }
    }

    fn attempt_of(&self, build: &Build) -> Attempt {
        self.attempt_named(&Attempt::name(build.request.id, build.attempt))
    }

    /// Creates the attempt's cgroup and directories.
    fn prepare_attempt(&self, attempt: &Attempt) -> Result<(), Failure> {
        attempt.cgroup.create(&self.settings.limits).map_err(|error| {
            Failure::new(
                FailureReason::ExecutorFailed,
                Step::Resolve,
                format!("The control group of the attempt could not be created: {error}"),
            )
        })?;

        attempt
            .prepare_directories(&self.settings.data_dir.join("bases"))
            .map_err(|error| disk_io_failure(Step::Resolve, &error))
    }

    fn check_layers(&self, inspection: &Inspection) -> Result<(), Failure> {
        let limits = &self.settings.limits;
        let base_layers = inspection.config["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len);

        if base_layers + Step::INSTALLS.len() > limits.layers {
            Err(limits.layers_failure(base_layers))
        } else {
            Ok(())
        }
    }

    /// The failure of a step whose cgroup reports an exceeded limit; `None` when it reports none.
    fn exceeded_limit(&self, attempt: &Attempt, step: Step) -> Option<Failure> {
        let resource = attempt.cgroup.exceeded()?;
        Some(self.settings.limits.resource_failure(resource, step))
    }
}

#[async_trait]
impl Executor for Buildah {
    async fn prepare(&self, build: &Build, log: &mut LogSink) -> Result<Base, Failure> {
        let attempt = self.attempt_of(build);
        self.prepare_attempt(&attempt)?;

        let packages = parse_packages(build, &self.package_rules)?;
        let reference: Reference = build
            .request
            .spec
            .base_reference
            .parse()
            .map_err(|error| base_refused(format!("The base reference {error}")))?;

        let inspection =
            self.registries.inspect(&reference, &self.platform).await.map_err(registry_failure)?;
        let base_user =
            check_base(&inspection.config).map_err(|error| base_refused(error.to_string()))?;
        self.check_layers(&inspection)?;

        let pinned = reference.at(&inspection.digest).to_string();
        let line = format!("base {reference} resolved to {pinned} ({})", inspection.platform);
        log_line(log, &line).await?;
        self.pull(&pinned, &inspection.config_digest, &attempt, log).await?;

        let containerfile = render(&Recipe {
            base: &pinned,
            base_user,
            packages: &packages,
            image_name: &build.request.image_name,
            revision: build.request.revision,
            build_id: &build.request.id.to_string(),
        });
        Ok(Base {
            reference: pinned,
            platform: inspection.platform,
            layers: inspection.layers,
            resolved: ResolvedBase { digest: inspection.digest, containerfile },
        })
    }

    async fn install(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<(), Failure> {
        let attempt = self.attempt_of(build);
        let packages = parse_packages(build, &self.package_rules)?;

        attempt
            .write_context(&base.resolved.containerfile, &packages, &self.settings.packages)
            .map_err(|error| disk_io_failure(log.step(), &error))?;

        self.build_image(&attempt, log).await
    }

    async fn push(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<Pushed, Failure> {
        let attempt = self.attempt_of(build);
        let reference = format!("{}:{}", build.request.repository, build.tag());

        self.push_image(&attempt, reference, base, log).await
    }

    async fn remove_attempt(&self, id: BuildId, attempt: AttemptNumber) {
        process::remove(&self.attempt_named(&Attempt::name(id, attempt))).await;
    }

    async fn remove_all_attempts(&self) {
        let Ok(entries) = fs::read_dir(self.settings.data_dir.join("attempts")) else { return };

        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            tracing::info!(attempt.folder = name, "removing an attempt of an earlier worker");
            process::remove(&self.attempt_named(&name)).await;
        }

        self.cgroup_root.remove_all();
    }
}

fn lock_data_dir(data_dir: &Path) -> Result<Flock<fs::File>, UnsupportedHost> {
    let path = data_dir.display().to_string();
    if namespaces::is_covered(data_dir) {
        return Err(UnsupportedHost::HiddenDirectory(path));
    }
    let lock_file = match create_data_dir(data_dir) {
        Ok(lock_file) => lock_file,
        Err(error) => return Err(UnsupportedHost::Directory { path, error }),
    };

    Flock::lock(lock_file, FlockArg::LockExclusiveNonblock)
        .map_err(|_| UnsupportedHost::DirectoryInUse(path))
}

/// Creates the directories and files of the data directory. Returns its lock file.
fn create_data_dir(data_dir: &Path) -> io::Result<fs::File> {
    for name in ["bases", "attempts"] {
        fs::create_dir_all(data_dir.join(name))?;
    }
    fs::set_permissions(data_dir, fs::Permissions::from_mode(0o700))?;
    fs::write(data_dir.join("policy.json"), SIGNATURE_POLICY)?;

    fs::File::create(data_dir.join("lock"))
}

fn parse_packages(build: &Build, package_rules: &PackageRules) -> Result<PackageLists, Failure> {
    let spec = &build.request.spec;
    if !spec.conda.is_empty() {
        return Err(spec_refused(
            "This builder cannot install conda packages yet. Remove the conda lines.".to_owned(),
        ));
    }

    PackageLists::parse(&spec.apt, &spec.conda, &spec.pip, package_rules)
        .map_err(|error| spec_refused(error.to_string()))
}

async fn log_line(log: &mut LogSink, line: &str) -> Result<(), Failure> {
    log.write_line(line.as_bytes())
        .await
        .map_err(|error| Failure::new(FailureReason::ExecutorFailed, log.step(), error.to_string()))
}

fn spec_refused(message: String) -> Failure {
    Failure::new(FailureReason::SpecRefused, Step::Resolve, message)
}

fn base_refused(message: String) -> Failure {
    Failure::new(FailureReason::BaseRefused, Step::Resolve, message)
}

fn registry_failure(error: RegistryError) -> Failure {
    let reason = match &error {
        RegistryError::Missing(_) => FailureReason::BaseMissing,
        RegistryError::Denied(_) => FailureReason::BaseDenied,
        RegistryError::MissingOrDenied(_) => FailureReason::BaseMissingOrDenied,
        RegistryError::Unreachable { .. } => FailureReason::RegistryUnreachable,
        RegistryError::NoPlatform { .. } => FailureReason::BasePlatform,
    };
    Failure::new(reason, Step::Resolve, error.to_string())
}

fn disk_io_failure(step: Step, error: &io::Error) -> Failure {
    let reason = if error.kind() == io::ErrorKind::StorageFull {
        FailureReason::DiskFull
    } else {
        FailureReason::ExecutorFailed
    };
    Failure::new(reason, step, format!("The builder could not use its disk: {error}"))
}

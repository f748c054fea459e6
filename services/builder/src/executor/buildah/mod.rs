//! buildah, rootless: each attempt in its own user, PID and network namespace, control group and storage, over a shared store of bases.
//!
//! Pull and push run outside the step's network. Steps' output is the log.

mod cgroup;
mod limits;
mod namespaces;
mod probe;
mod process;
mod settings;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use nix::fcntl::{Flock, FlockArg};
use slipway_names::{digest::Digest, id::BuildId, platform::Platform, reference::Reference};
use slipway_packages::{PackageLists, Policy};
use slipway_registry::{Inspection, Registries, RegistryError, check_base};
use tokio::time::timeout;

use crate::{
    app::{
        LogSink,
        executor::{Base, Executor},
    },
    domain::{
        build::{Build, Pushed},
        containerfile::{ContextFile, Recipe, STEPS, context, render, step_begun, step_failed},
        failure::{Failure, FailureReason, classify},
    },
};

use cgroup::{Delegation, Group};

pub use limits::{Limits, Resource};
pub use probe::{Isolation, Unfit};
pub use settings::{NetworkMode, PackageSources, Settings};

/// Accepts every image: Slipway pins by digest instead.
const POLICY: &str = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// The adapter.
pub struct Buildah {
    settings: Settings,
    policy: Policy,
    registries: Registries,
    platform: Platform,
    delegation: Delegation,
    /// Whoever begins clears the folder: two would end each other's builds.
    _alone: Flock<fs::File>,
}

/// Where one attempt lies.
struct Attempt {
    folder: PathBuf,
    group: Group,
}

impl Attempt {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

impl Buildah {
    /// Probes what the host can isolate and refuses below what is configured.
    pub async fn new(
        settings: Settings,
        policy: Policy,
        registries: Registries,
    ) -> Result<(Self, Isolation), Unfit> {
        let at = |path: PathBuf| {
            move |error: io::Error| Unfit::Directory { path: path.display().to_string(), error }
        };
        for folder in ["bases", "attempts"] {
            let path = settings.data_dir.join(folder);
            fs::create_dir_all(&path).map_err(at(path.clone()))?;
        }
        let folder = settings.data_dir.clone();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .map_err(at(folder.clone()))?;
        fs::write(folder.join("policy.json"), POLICY).map_err(at(folder.clone()))?;
        let lock = fs::File::create(folder.join("lock")).map_err(at(folder.clone()))?;
        let alone = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|_| Unfit::Shared(folder.display().to_string()))?;
        let delegation = Delegation::find(&settings.data_dir);
        let isolation = probe::probe(&settings, &delegation).await?;
        Ok((
            Self {
                settings,
                policy,
                registries,
                platform: Platform::linux_amd64(),
                delegation,
                _alone: alone,
            },
            isolation,
        ))
    }

    /// What the kernel says went over in the attempt's group, if anything did.
    fn exceeded(&self, attempt: &Attempt, step: &str) -> Option<Failure> {
        attempt.group.exceeded().map(|resource| self.settings.limits.exceeded(resource, step))
    }

    fn attempt(&self, name: &str) -> Attempt {
        Attempt {
            folder: self.settings.data_dir.join("attempts").join(name),
            group: self.delegation.group(name),
        }
    }

    fn attempt_of(&self, build: &Build) -> Attempt {
        self.attempt(&attempt_name(build.request.id, build.attempt))
    }

    fn is_insecure(&self, reference: &str) -> bool {
        self.settings
            .insecure_registries
            .iter()
            .any(|registry| reference.starts_with(&format!("{registry}/")))
    }

    fn tls(&self, reference: &str) -> String {
        format!("--tls-verify={}", !self.is_insecure(reference))
    }

    async fn pull(
        &self,
        reference: &str,
        image_id: &Digest,
        attempt: &Attempt,
        log: &mut LogSink,
    ) -> Result<(), Failure> {
        let policy = self.settings.data_dir.join("policy.json").display().to_string();
        let command = [
            "buildah",
            "pull",
            "--quiet",
            "--policy",
            "missing",
            "--signature-policy",
            &policy,
            &self.tls(reference),
            &format!("docker://{reference}"),
        ]
        .map(str::to_owned);
        let launched = namespaces::outside(&attempt.group, &command);
        let failed =
            |message: String| Failure::new(FailureReason::RegistryUnreachable, "pull", message);
        let running =
            process::run(launched, &attempt.folder, "bases.conf", log, |_| None, Duration::MAX);
        let exit = timeout(self.settings.limits.transfer(), running)
            .await
            .map_err(|_| failed("the base could not be pulled in time".to_owned()))??;
        let said = log.last_lines();
        match exit {
            Some(0)
                if image_named(&said)
                    .is_some_and(|id| image_id.as_str() == format!("sha256:{id}")) =>
            {
                Ok(())
            }
            Some(0) => Err(Failure::new(
                FailureReason::BaseRefused,
                "pull",
                "the base's registry gave buildah another image than it showed before",
            )),
            _ => Err(self.exceeded(attempt, "pull").unwrap_or_else(|| {
                failed(format!(
                    "the base could not be pulled: {}",
                    said.lines().last().unwrap_or_default()
                ))
            })),
        }
    }

    fn check_layers(&self, inspection: &Inspection) -> Result<(), Failure> {
        let (own, most) = (
            inspection.config["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len),
            self.settings.limits.layers,
        );
        match own + STEPS.len() > most {
            true => Err(self.settings.limits.layers_exceeded(own)),
            false => Ok(()),
        }
    }

    fn write_context(
        &self,
        attempt: &Path,
        build: &Build,
        containerfile: &str,
    ) -> Result<(), Failure> {
        let packages = parse(build, &self.policy)?;
        let write = || -> io::Result<()> {
            fs::write(attempt.join("Containerfile"), containerfile)?;
            for step in STEPS {
                let folder = attempt.join("context").join(step);
                fs::create_dir_all(&folder)?;
                for ContextFile { name, text } in context(step, &packages) {
                    fs::write(folder.join(name), text)?;
                }
                for (name, text) in self.settings.packages.files(step) {
                    fs::write(folder.join(name), text)?;
                }
            }
            if let Some(wheel) = self.settings.packages.pip_wheel() {
                fs::copy(wheel, attempt.join("context/pip/pip.whl"))?;
            }
            if let Some(bundle) = self.settings.packages.ca_bundle() {
                for step in STEPS {
                    fs::copy(&bundle, attempt.join("context").join(step).join("ca.pem"))?;
                }
            }
            Ok(())
        };
        write().map_err(|error| disk("install", &error))
    }

    /// The group, and two stores: bases are shared and written by pulls alone; an attempt's own layers lie above them.
    fn make_place(&self, Attempt { folder: attempt, group }: &Attempt) -> Result<(), Failure> {
        group.make(&self.settings.limits).map_err(|error| {
            Failure::new(
                FailureReason::ExecutorFailed,
                "resolve",
                format!("the attempt's control group could not be made: {error}"),
            )
        })?;
        let bases = self.settings.data_dir.join("bases");
        let storage = |root: &Path, run: &str| {
            format!(
                "[storage]\ndriver = \"overlay\"\ngraphroot = {root:?}\nrunroot = {:?}\n",
                attempt.join(run)
            )
        };
        let write = || -> io::Result<()> {
            for folder in ["run", "tmp", "context"] {
                fs::create_dir_all(attempt.join(folder))?;
            }
            fs::write(attempt.join("bases.conf"), storage(&bases, "run/bases"))?;
            fs::write(
                attempt.join("attempt.conf"),
                format!(
                    "{}[storage.options]\nadditionalimagestores = [{bases:?}]\n",
                    storage(&attempt.join("storage"), "run/attempt")
                ),
            )
        };
        write().map_err(|error| disk("resolve", &error))
    }
}

#[async_trait]
impl Executor for Buildah {
    async fn prepare(&self, build: &Build, log: &mut LogSink) -> Result<Base, Failure> {
        let attempt = self.attempt_of(build);
        self.make_place(&attempt)?;
        let packages = parse(build, &self.policy)?;
        let refused =
            |message: String| Failure::new(FailureReason::BaseRefused, "resolve", message);
        let reference: Reference = build
            .request
            .spec
            .base_reference
            .parse()
            .map_err(|error| refused(format!("the base {error}")))?;
        let inspection =
            self.registries.inspect(&reference, &self.platform).await.map_err(registry_failure)?;
        let user = check_base(&inspection.config).map_err(|error| refused(error.to_string()))?;
        self.check_layers(&inspection)?;
        let pinned = reference.at(&inspection.digest).to_string();
        say(log, &format!("base {reference} is {pinned} ({})", inspection.platform)).await?;
        self.pull(&pinned, &inspection.config_digest, &attempt, log).await?;
        let id = build.request.id.to_string();
        let recipe = Recipe {
            base: &pinned,
            base_user: user,
            packages: &packages,
            image_name: &build.request.image_name,
            revision: build.request.revision,
            build_id: &id,
        };
        Ok(Base {
            reference: pinned.clone(),
            digest: inspection.digest.to_string(),
            platform: inspection.platform.to_string(),
            containerfile: render(&recipe),
        })
    }

    async fn install(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<(), Failure> {
        let attempt = self.attempt_of(build);
        self.write_context(&attempt.folder, build, &base.containerfile)?;
        let mut command = vec!["buildah".to_owned()];
        let policy = self.settings.data_dir.join("policy.json").display().to_string();
        command.extend(
            [
                "bud",
                "--isolation",
                "oci",
                "--runtime",
                "runc",
                "--network",
                "host",
                "--cgroupns",
                "host",
                "--no-cache",
                "--layers",
                "--pull-never",
                "--format",
                "oci",
            ]
            .map(str::to_owned),
        );
        command.extend(
            [
                "--http-proxy=false",
                "--signature-policy",
                &policy,
                "--iidfile",
                &attempt.path("image-id"),
                "--file",
                &attempt.path("Containerfile"),
            ]
            .map(str::to_owned),
        );
        command.extend(namespaces::dns(self.settings.network).map(str::to_owned));
        command.push(attempt.path("context"));
        let launched = namespaces::inside(
            &attempt.group,
            self.settings.network,
            &self.settings.allowed_networks,
            &command,
        );
        let limits = &self.settings.limits;
        let ran = tokio::select! {
            ran = process::run(launched, &attempt.folder, "attempt.conf", log, step_begun, Duration::from_secs(limits.idle_seconds)) => Some(ran?),
            () = limits.watch_disk(&attempt.folder) => None,
        };
        let Some(exit) = ran else {
            return Err(limits.disk_exceeded(log.step()));
        };
        if exit != Some(0) {
            let tail = log.last_lines();
            let step = step_failed(&tail).unwrap_or(log.step());
            return Err(self
                .exceeded(&attempt, step)
                .unwrap_or_else(|| classify(step, exit, &tail)));
        }
        match process::disk_usage(&attempt.folder.join("storage"))
            .await
            .map_err(|error| disk("commit", &error))?
        {
            Some(bytes) if bytes <= limits.image_bytes => Ok(()),
            bytes => Err(limits.image_exceeded(bytes)),
        }
    }

    async fn push(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<Pushed, Failure> {
        let attempt = self.attempt_of(build);
        let failed = |message: String| Failure::new(FailureReason::PushFailed, "push", message);
        let image =
            fs::read_to_string(attempt.path("image-id")).map_err(|error| disk("push", &error))?;
        let reference = format!("{}:{}", build.request.repository, build.tag());
        let mut command = vec!["buildah".to_owned()];
        let policy = self.settings.data_dir.join("policy.json").display().to_string();
        command.extend(
            [
                "push",
                "--quiet",
                "--format",
                "oci",
                "--signature-policy",
                &policy,
                "--digestfile",
                &attempt.path("digest"),
                &self.tls(&reference),
                image.trim(),
                &format!("docker://{reference}"),
            ]
            .map(str::to_owned),
        );
        let launched = namespaces::outside(&attempt.group, &command);
        let running =
            process::run(launched, &attempt.folder, "attempt.conf", log, |_| None, Duration::MAX);
        let exit = timeout(self.settings.limits.transfer(), running)
            .await
            .map_err(|_| failed("the image could not be pushed in time".to_owned()))??;
        if exit != Some(0) {
            let said = format!(
                "the registry did not take the image: {}",
                log.last_lines().lines().last().unwrap_or_default()
            );
            return Err(self.exceeded(&attempt, "push").unwrap_or_else(|| failed(said)));
        }
        let digest: Digest = fs::read_to_string(attempt.path("digest"))
            .map_err(|error| disk("push", &error))?
            .trim()
            .parse()
            .map_err(|error| failed(format!("buildah told a digest that {error}")))?;
        let parsed: Reference =
            reference.parse().map_err(|error| failed(format!("the reference {error}")))?;
        let artifact = self
            .registries
            .resolve(&parsed.at(&digest))
            .await
            .map_err(|error| failed(error.to_string()))?;
        say(log, &format!("pushed {reference} as {digest}")).await?;
        Ok(Pushed {
            reference,
            digest: digest.to_string(),
            platform: base.platform.clone(),
            size_bytes: artifact.size_bytes,
        })
    }

    async fn discard(&self, id: BuildId, attempt: i32) {
        process::remove(&self.attempt(&attempt_name(id, attempt))).await;
    }

    async fn reap(&self) {
        let Ok(entries) = fs::read_dir(self.settings.data_dir.join("attempts")) else { return };
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            tracing::info!(attempt.folder = name, "clearing what a worker before left");
            process::remove(&self.attempt(&name)).await;
        }
        self.delegation.clear();
    }
}

/// The image id that `buildah pull` prints.
fn image_named(said: &str) -> Option<&str> {
    said.lines()
        .rev()
        .find(|line| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn attempt_name(id: BuildId, attempt: i32) -> String {
    format!("{id}-{attempt}")
}

fn parse(build: &Build, policy: &Policy) -> Result<PackageLists, Failure> {
    let spec = &build.request.spec;
    if !spec.conda.is_empty() {
        return Err(Failure::new(
            FailureReason::SpecRefused,
            "resolve",
            "this builder cannot install conda packages yet; take the conda lines out",
        ));
    }
    PackageLists::parse(&spec.apt, &spec.conda, &spec.pip, policy)
        .map_err(|refusal| Failure::new(FailureReason::SpecRefused, "resolve", refusal.to_string()))
}

fn registry_failure(error: RegistryError) -> Failure {
    let reason = match &error {
        RegistryError::Missing(_) => FailureReason::BaseMissing,
        RegistryError::Denied(_) => FailureReason::BaseDenied,
        RegistryError::MissingOrDenied(_) => FailureReason::BaseMissingOrDenied,
        RegistryError::Unreachable { .. } => FailureReason::RegistryUnreachable,
        RegistryError::NoPlatform { .. } => FailureReason::BasePlatform,
    };
    Failure::new(reason, "resolve", error.to_string())
}

fn disk(step: &str, error: &io::Error) -> Failure {
    let reason = if error.kind() == io::ErrorKind::StorageFull {
        FailureReason::DiskFull
    } else {
        FailureReason::ExecutorFailed
    };
    Failure::new(reason, step, format!("the builder could not use its disk: {error}"))
}

async fn say(log: &mut LogSink, line: &str) -> Result<(), Failure> {
    log.write_line(line.as_bytes())
        .await
        .map_err(|fault| Failure::new(FailureReason::ExecutorFailed, log.step(), fault.to_string()))
}

/// Longest wait of any helper command.
pub(crate) const HELPER_PATIENCE: Duration = Duration::from_secs(60);

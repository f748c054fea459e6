//! buildah, rootless: each attempt in its own user, PID and network namespace and its own storage, over a shared store of bases.
//!
//! Pull and push run outside the step's network. Steps' output is the log.

mod network;
mod probe;
mod process;
mod settings;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use slipway_names::{digest::Digest, id::BuildId, platform::Platform, reference::Reference};
use slipway_packages::{PackageLists, Policy};
use slipway_registry::{Registries, RegistryError, check_base};

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
}

impl Buildah {
    /// Probes what the host can isolate and refuses below what is configured.
    pub async fn new(settings: Settings, policy: Policy, registries: Registries) -> Result<(Self, Isolation), Unfit> {
        let at = |path: PathBuf| move |error: io::Error| Unfit::Directory { path: path.display().to_string(), error };
        for folder in ["bases", "attempts"] {
            let path = settings.data_dir.join(folder);
            fs::create_dir_all(&path).map_err(at(path.clone()))?;
        }
        fs::write(settings.data_dir.join("policy.json"), POLICY).map_err(at(settings.data_dir.clone()))?;
        let isolation = probe::probe(&settings).await?;
        Ok((Self { settings, policy, registries, platform: Platform::linux_amd64() }, isolation))
    }

    fn attempt_dir(&self, id: BuildId, attempt: i32) -> PathBuf {
        self.settings.data_dir.join("attempts").join(format!("{id}-{attempt}"))
    }

    fn is_insecure(&self, reference: &str) -> bool {
        self.settings.insecure_registries.iter().any(|registry| reference.starts_with(&format!("{registry}/")))
    }

    fn tls(&self, reference: &str) -> String {
        format!("--tls-verify={}", !self.is_insecure(reference))
    }

    async fn pull(&self, reference: &str, attempt: &Path, log: &mut LogSink) -> Result<(), Failure> {
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
        match process::run(network::outside(&command), attempt, "bases.conf", log, |_| None, Duration::MAX).await? {
            Some(0) => Ok(()),
            _ => Err(Failure::new(
                FailureReason::RegistryUnreachable,
                "pull",
                format!("the base could not be pulled: {}", log.last_lines().lines().last().unwrap_or_default()),
            )),
        }
    }

    fn write_context(&self, attempt: &Path, build: &Build, containerfile: &str) -> Result<(), Failure> {
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

    /// Two stores: bases are shared and written by pulls alone; an attempt's own layers lie above them.
    fn write_storage(&self, attempt: &Path) -> Result<(), Failure> {
        let bases = self.settings.data_dir.join("bases");
        let storage = |root: &Path, run: &str| format!("[storage]\ndriver = \"overlay\"\ngraphroot = {root:?}\nrunroot = {:?}\n", attempt.join(run));
        let write = || -> io::Result<()> {
            for folder in ["run", "tmp", "context"] {
                fs::create_dir_all(attempt.join(folder))?;
            }
            fs::write(attempt.join("bases.conf"), storage(&bases, "run/bases"))?;
            fs::write(
                attempt.join("attempt.conf"),
                format!("{}[storage.options]\nadditionalimagestores = [{bases:?}]\n", storage(&attempt.join("storage"), "run/attempt")),
            )
        };
        write().map_err(|error| disk("resolve", &error))
    }
}

#[async_trait]
impl Executor for Buildah {
    async fn prepare(&self, build: &Build, log: &mut LogSink) -> Result<Base, Failure> {
        let attempt = self.attempt_dir(build.request.id, build.attempt);
        self.write_storage(&attempt)?;
        let packages = parse(build, &self.policy)?;
        let refused = |message: String| Failure::new(FailureReason::BaseRefused, "resolve", message);
        let reference: Reference = build.request.spec.base_reference.parse().map_err(|error| refused(format!("the base {error}")))?;
        let inspection = self.registries.inspect(&reference, &self.platform).await.map_err(registry_failure)?;
        check_base(&inspection.config).map_err(|error| refused(error.to_string()))?;
        let pinned = reference.at(&inspection.digest).to_string();
        say(log, &format!("base {reference} is {pinned} ({})", inspection.platform)).await?;
        self.pull(&pinned, &attempt, log).await?;
        let user = base_user(&inspection.config);
        let id = build.request.id.to_string();
        let recipe = Recipe {
            base: &pinned,
            base_user: &user,
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
        let attempt = self.attempt_dir(build.request.id, build.attempt);
        self.write_context(&attempt, build, &base.containerfile)?;
        let mut command = vec!["buildah".to_owned()];
        let path = |name: &str| attempt.join(name).display().to_string();
        let policy = self.settings.data_dir.join("policy.json").display().to_string();
        command.extend(
            ["bud", "--isolation", "oci", "--runtime", "runc", "--network", "host", "--no-cache", "--layers", "--pull-never", "--format", "oci"]
                .map(str::to_owned),
        );
        command.extend(
            ["--http-proxy=false", "--signature-policy", &policy, "--iidfile", &path("image-id"), "--file", &path("Containerfile")]
                .map(str::to_owned),
        );
        command.extend(network::dns(self.settings.network).map(str::to_owned));
        command.push(path("context"));
        let launched = network::inside(self.settings.network, &self.settings.allowed_networks, &command);
        let exit = process::run(launched, &attempt, "attempt.conf", log, step_begun, self.settings.idle_limit()).await?;
        if exit != Some(0) {
            let tail = log.last_lines();
            return Err(classify(step_failed(&tail).unwrap_or(log.step()), exit, &tail));
        }
        let bytes = process::disk_usage(&attempt.join("storage")).await;
        match bytes > self.settings.largest_image_bytes {
            true => Err(Failure::new(
                FailureReason::SizeExceeded,
                "commit",
                format!("the image adds {bytes} bytes to its base, at most {} are allowed", self.settings.largest_image_bytes),
            )),
            false => Ok(()),
        }
    }

    async fn push(&self, build: &Build, base: &Base, log: &mut LogSink) -> Result<Pushed, Failure> {
        let attempt = self.attempt_dir(build.request.id, build.attempt);
        let failed = |message: String| Failure::new(FailureReason::PushFailed, "push", message);
        let image = fs::read_to_string(attempt.join("image-id")).map_err(|error| disk("push", &error))?;
        let reference = format!("{}:{}", build.request.repository, build.tag());
        let mut command = vec!["buildah".to_owned()];
        let path = |name: &str| attempt.join(name).display().to_string();
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
                &path("digest"),
                &self.tls(&reference),
                image.trim(),
                &format!("docker://{reference}"),
            ]
            .map(str::to_owned),
        );
        if process::run(network::outside(&command), &attempt, "attempt.conf", log, |_| None, Duration::MAX).await? != Some(0) {
            return Err(failed(format!("the registry did not take the image: {}", log.last_lines().lines().last().unwrap_or_default())));
        }
        let digest: Digest = fs::read_to_string(attempt.join("digest"))
            .map_err(|error| disk("push", &error))?
            .trim()
            .parse()
            .map_err(|error| failed(format!("buildah told a digest that {error}")))?;
        let parsed: Reference = reference.parse().map_err(|error| failed(format!("the reference {error}")))?;
        let artifact = self.registries.resolve(&parsed.at(&digest)).await.map_err(|error| failed(error.to_string()))?;
        say(log, &format!("pushed {reference} as {digest}")).await?;
        Ok(Pushed { reference, digest: digest.to_string(), platform: base.platform.clone(), size_bytes: artifact.size_bytes })
    }

    async fn discard(&self, id: BuildId, attempt: i32) {
        process::remove(&self.attempt_dir(id, attempt)).await;
    }

    async fn reap(&self, alive: &[(BuildId, i32)]) {
        let keep: Vec<String> = alive.iter().map(|(id, attempt)| format!("{id}-{attempt}")).collect();
        let Ok(entries) = fs::read_dir(self.settings.data_dir.join("attempts")) else { return };
        for entry in entries.flatten().filter(|entry| !keep.iter().any(|name| entry.file_name() == name.as_str())) {
            tracing::info!(attempt.folder = %entry.file_name().display(), "clearing what a worker before left");
            process::remove(&entry.path()).await;
        }
    }
}

fn parse(build: &Build, policy: &Policy) -> Result<PackageLists, Failure> {
    let spec = &build.request.spec;
    PackageLists::parse(&spec.apt, &spec.conda, &spec.pip, policy)
        .map_err(|refusal| Failure::new(FailureReason::SpecRefused, "resolve", refusal.to_string()))
}

/// USER of the base, which [`check_base`] has accepted.
fn base_user(config: &serde_json::Value) -> String {
    config["config"]["User"].as_str().unwrap_or_default().to_owned()
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
    let reason = if error.kind() == io::ErrorKind::StorageFull { FailureReason::DiskFull } else { FailureReason::ExecutorFailed };
    Failure::new(reason, step, format!("the builder could not use its disk: {error}"))
}

async fn say(log: &mut LogSink, line: &str) -> Result<(), Failure> {
    log.write_line(line.as_bytes()).await.map_err(|fault| Failure::new(FailureReason::ExecutorFailed, log.step(), fault.to_string()))
}

/// Longest wait of any helper command.
pub(crate) const HELPER_PATIENCE: Duration = Duration::from_secs(60);

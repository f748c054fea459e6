//! Base images of test builds: a Debian with Python, created once, cached, and pushed to the
//! registry if it is missing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};

use crate::user::{UnprivilegedUser, run};

/// Repository and tag of the base in the registry.
pub const REPOSITORY: &str = "base/debian:12-python";

/// Identifies the content of the base: a change creates a new one.
const RECIPE: &str = "mmdebstrap minbase python3 bookworm 1";

const FAKE_APT_GET: &str = include_str!("fake_apt_get.py");

/// Builds an image from the context `$1` in the format `$3` and pushes it as `$2`. Removes its
/// storage at the end.
const PUSH_SCRIPT: &str = r#"
set -e
storage=$(mktemp --directory "$HOME/base-storage.XXXXXX")
trap 'rm -rf "$storage"' EXIT
export XDG_RUNTIME_DIR=$storage context=$1 reference=$2
buildah() {
    verb=$1
    shift
    command buildah --root "$storage/root" --runroot "$storage/run" --storage-driver overlay \
        "$verb" --tls-verify=false --signature-policy "$context/policy.json" "$@"
}
buildah bud --format "$3" --isolation chroot --iidfile "$storage/id" \
    --file "$context/Containerfile" "$context"
buildah push "$(cat "$storage/id")" "docker://$reference"
"#;

/// Creates and pushes the base if the registry does not have it. Returns its reference.
///
/// # Errors
/// If it cannot be created or pushed.
pub fn ensure_base(user: &UnprivilegedUser, registry: &str) -> Result<String> {
    let reference = format!("{registry}/{REPOSITORY}");
    if is_in_registry(user, &reference) {
        return Ok(reference);
    }

    let archive = ensure_archive(user)?;
    let context = user.folder("base-context")?;
    let linked = context.join("base.tar");
    if linked.exists() {
        fs::remove_file(&linked)?;
    }
    fs::hard_link(&archive, &linked).or_else(|_| fs::copy(&archive, &linked).map(|_| ()))?;

    let containerfile = "FROM scratch\nADD base.tar /\nCMD [\"/bin/sh\"]\n";
    push(user, &context, containerfile, &reference, "oci")?;

    Ok(reference)
}

/// The root file system of the base as a cached tar archive.
fn ensure_archive(user: &UnprivilegedUser) -> Result<PathBuf> {
    let archive = user.folder("cache")?.join(format!("{}.tar", RECIPE.replace(' ', "-")));
    if archive.exists() {
        return Ok(archive);
    }

    eprintln!("creating a Debian base with Python (only once, takes about half a minute)");
    let unfinished = archive.with_extension("unfinished.tar");
    run(user
        .command("mmdebstrap")
        .args(["--mode=unshare", "--variant=minbase", "--include=python3", "bookworm"])
        .arg(&unfinished))?;
    fs::rename(&unfinished, &archive)?;

    Ok(archive)
}

/// Pushes a base whose apt-get is `fake_apt_get.py`: a package's name selects the behaviour of its
/// installation. Returns its reference.
///
/// # Errors
/// If it cannot be built or pushed.
pub fn ensure_fake_apt_base(user: &UnprivilegedUser, registry: &str) -> Result<String> {
    ensure_derived_base(user, registry, "fake-apt", "")
}

/// Pushes the base with the fake apt-get and more instructions as `test/<name>`, tagged by its
/// content. Returns its reference. The image has Docker's format, as most bases have.
///
/// # Errors
/// If it cannot be built or pushed.
pub fn ensure_derived_base(
    user: &UnprivilegedUser,
    registry: &str,
    name: &str,
    instructions: &str,
) -> Result<String> {
    let hash = digest(&SHA256, format!("{RECIPE}\n{FAKE_APT_GET}\n{instructions}").as_bytes());
    let tag = hex::encode(&hash.as_ref()[..8]);
    let reference = format!("{registry}/test/{name}:{tag}");
    if is_in_registry(user, &reference) {
        return Ok(reference);
    }

    let context = tempfile::TempDir::new_in(user.home())?;
    user.give_ownership(context.path())?;
    fs::write(context.path().join("apt-get"), FAKE_APT_GET)?;

    let containerfile =
        format!("FROM {registry}/{REPOSITORY}\nCOPY --chmod=755 apt-get /usr/bin/\n{instructions}");
    push(user, context.path(), &containerfile, &reference, "docker")?;

    Ok(reference)
}

fn is_in_registry(user: &UnprivilegedUser, reference: &str) -> bool {
    let inspected = user
        .command("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{reference}")])
        .output();

    inspected.is_ok_and(|output| output.status.success())
}

fn push(
    user: &UnprivilegedUser,
    context: &Path,
    containerfile: &str,
    reference: &str,
    format: &str,
) -> Result<()> {
    fs::write(context.join("Containerfile"), containerfile)?;
    fs::write(context.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;

    let output = user
        .command_in_user_namespace("sh")
        .args(["-c", PUSH_SCRIPT, "push"])
        .arg(context)
        .args([reference, format])
        .output()
        .context("buildah")?;

    ensure!(
        output.status.success(),
        "{reference} could not be built and pushed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

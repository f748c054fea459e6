//! A Debian base with Python, made once, cached by its recipe, and pushed to the registry when it is not there.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};

use crate::user::{Ordinary, run};

/// Where the base lies in the registry, with its tag.
pub const REPOSITORY: &str = "base/debian:12-python";

/// Makes the image from the context `$1` in the format `$3`, pushes it as `$2`, and leaves nothing.
const PUSH: &str = r#"
set -e
storage=$(mktemp --directory "$HOME/base-storage.XXXXXX")
trap 'rm -rf "$storage"' EXIT
export XDG_RUNTIME_DIR=$storage context=$1 reference=$2
buildah() {
    verb=$1
    shift
    command buildah --root "$storage/root" --runroot "$storage/run" --storage-driver overlay "$verb" --tls-verify=false --signature-policy "$context/policy.json" "$@"
}
buildah bud --format "$3" --isolation chroot --iidfile "$storage/id" --file "$context/Containerfile" "$context"
buildah push "$(cat "$storage/id")" "docker://$reference"
"#;

/// Changing it makes a new base.
const RECIPE: &str = "mmdebstrap minbase python3 bookworm 1";

/// Makes sure that the registry has the base. Returns its reference.
///
/// # Errors
/// When it cannot be made or pushed.
pub fn ensure_base(user: &Ordinary, registry: &str) -> Result<String> {
    let reference = format!("{registry}/{REPOSITORY}");
    if is_there(user, &reference) {
        return Ok(reference);
    }
    let cache = user.folder("cache")?;
    let tar = cache.join(format!("{}.tar", RECIPE.replace(' ', "-")));
    if !tar.exists() {
        eprintln!("making a Debian base with Python (once, about half a minute)");
        let unfinished = tar.with_extension("unfinished.tar");
        run(user
            .command("mmdebstrap")
            .args(["--mode=unshare", "--variant=minbase", "--include=python3", "bookworm"])
            .arg(&unfinished))?;
        fs::rename(&unfinished, &tar)?;
    }
    let context = user.folder("base-context")?;
    let inside = context.join("base.tar");
    if inside.exists() {
        fs::remove_file(&inside)?;
    }
    fs::hard_link(&tar, &inside).or_else(|_| fs::copy(&tar, &inside).map(|_| ()))?;
    push(user, &context, "FROM scratch\nADD base.tar /\nCMD [\"/bin/sh\"]\n", &reference, "oci")?;
    Ok(reference)
}

/// A base whose apt-get is `puppet.py`: a package's name says what its script does.
///
/// # Errors
/// When it cannot be made or pushed.
pub fn puppet(user: &Ordinary, registry: &str) -> Result<String> {
    derived(user, registry, "puppet", "")
}

/// The puppet with more instructions, in Docker's format, as most bases are; pushed as `test/<name>`, its tag from its content.
///
/// # Errors
/// When it cannot be made or pushed.
pub fn derived(user: &Ordinary, registry: &str, name: &str, instructions: &str) -> Result<String> {
    let script = include_str!("puppet.py");
    let content = digest(&SHA256, format!("{RECIPE}\n{script}\n{instructions}").as_bytes());
    let tag: String = content.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let reference = format!("{registry}/test/{name}:{tag}");
    if is_there(user, &reference) {
        return Ok(reference);
    }
    let context = tempfile::TempDir::new_in(user.home())?;
    user.own(context.path())?;
    fs::write(context.path().join("apt-get"), script)?;
    let containerfile =
        format!("FROM {registry}/{REPOSITORY}\nCOPY --chmod=755 apt-get /usr/bin/\n{instructions}");
    push(user, context.path(), &containerfile, &reference, "docker")?;
    Ok(reference)
}

fn is_there(user: &Ordinary, reference: &str) -> bool {
    let inspected = user
        .command("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{reference}")])
        .output();
    inspected.is_ok_and(|output| output.status.success())
}

fn push(
    user: &Ordinary,
    context: &Path,
    containerfile: &str,
    reference: &str,
    format: &str,
) -> Result<()> {
    fs::write(context.join("Containerfile"), containerfile)?;
    fs::write(context.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
    let output = user
        .mapped("sh")
        .args(["-c", PUSH, "push"])
        .arg(context)
        .args([reference, format])
        .output()
        .context("buildah")?;
    ensure!(
        output.status.success(),
        "making {reference}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

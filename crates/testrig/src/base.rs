//! A Debian base with Python, made once, cached by its recipe, and pushed to the registry when it is not there.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::user::{Ordinary, run};

/// Where the base lies in the registry, with its tag.
pub const REPOSITORY: &str = "base/debian:12-python";

/// Changing it makes a new base.
const RECIPE: &str = "mmdebstrap minbase python3 bookworm 1";

/// Makes sure that the registry has the base. Returns its reference.
///
/// # Errors
/// When it cannot be made or pushed.
pub fn ensure_base(user: &Ordinary, registry: &str) -> Result<String> {
    let reference = format!("{registry}/{REPOSITORY}");
    if user
        .command("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{reference}")])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return Ok(reference);
    }
    let cache = user.folder("cache")?;
    let tar = cache.join(format!("{}.tar", RECIPE.replace(' ', "-")));
    if !tar.exists() {
        eprintln!("making a Debian base with Python (once, about half a minute)");
        let unfinished = tar.with_extension("unfinished.tar");
        run(user.command("mmdebstrap").args(["--mode=unshare", "--variant=minbase", "--include=python3", "bookworm"]).arg(&unfinished))?;
        fs::rename(&unfinished, &tar)?;
    }
    let context = user.folder("base-context")?;
    fs::write(context.join("Containerfile"), "FROM scratch\nADD base.tar /\nCMD [\"/bin/sh\"]\n")?;
    let inside = context.join("base.tar");
    if inside.exists() {
        fs::remove_file(&inside)?;
    }
    fs::hard_link(&tar, &inside).or_else(|_| fs::copy(&tar, &inside).map(|_| ()))?;
    let policy = context.join("policy.json");
    fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
    let storage = user.folder("base-storage")?;
    let script = format!(
        "set -e; export XDG_RUNTIME_DIR={0}; b='buildah --root {0}/root --runroot {0}/run --storage-driver overlay'; $b bud --signature-policy {1}/policy.json --isolation chroot --iidfile {0}/id -f {1}/Containerfile {1}; $b push --signature-policy {1}/policy.json --tls-verify=false $(cat {0}/id) docker://{reference}; $b rmi --all --force",
        storage.display(),
        context.display(),
    );
    let output = user.mapped("sh").args(["-c", &script]).output().context("buildah")?;
    ensure!(output.status.success(), "making the base: {}", String::from_utf8_lossy(&output.stderr));
    Ok(reference)
}

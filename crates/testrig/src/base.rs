//! A Debian base with Python, made once, cached by its recipe, and pushed to the registry when it is not there.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use crate::user::{Ordinary, run};

/// Where the base lies in the registry, with its tag.
pub const REPOSITORY: &str = "base/debian:12-python";

/// Makes the image from the context `$1`, pushes it as `$2`, and leaves nothing.
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
buildah bud --isolation chroot --iidfile "$storage/id" --file "$context/Containerfile" "$context"
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
    let inside = context.join("base.tar");
    if inside.exists() {
        fs::remove_file(&inside)?;
    }
    fs::hard_link(&tar, &inside).or_else(|_| fs::copy(&tar, &inside).map(|_| ()))?;
    push(user, &context, "FROM scratch\nADD base.tar /\nCMD [\"/bin/sh\"]\n", &reference)?;
    Ok(reference)
}

/// A base whose apt-get is `puppet.py`: a package's name says what its script does.
///
/// # Errors
/// When it cannot be made or pushed.
pub fn puppet(user: &Ordinary, registry: &str) -> Result<String> {
    derived(user, registry, "puppet", "COPY --chmod=755 puppet.py /usr/bin/apt-get\n", &[("puppet.py", include_str!("puppet.py"))])
}

/// The base with more instructions and the files that they name; pushed as `test/<name>:1`.
///
/// # Errors
/// When it cannot be made or pushed.
pub fn derived(user: &Ordinary, registry: &str, name: &str, instructions: &str, files: &[(&str, &str)]) -> Result<String> {
    let reference = format!("{registry}/test/{name}:1");
    let context = tempfile::TempDir::new_in(user.home())?;
    user.own(context.path())?;
    for (file, text) in files {
        fs::write(context.path().join(file), text)?;
    }
    push(user, context.path(), &format!("FROM {registry}/{REPOSITORY}\n{instructions}"), &reference)?;
    Ok(reference)
}

fn push(user: &Ordinary, context: &Path, containerfile: &str, reference: &str) -> Result<()> {
    fs::write(context.join("Containerfile"), containerfile)?;
    fs::write(context.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
    let output = user.mapped("sh").args(["-c", PUSH, "push"]).arg(context).arg(reference).output().context("buildah")?;
    ensure!(output.status.success(), "making {reference}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

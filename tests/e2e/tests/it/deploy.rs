//! The images that operators deploy: built from `deploy/Containerfile` on the Debian base, and run.

use std::{fs, path::Path};

use slipway_testrig::{base_image, env, user::UnprivilegedUser};
use tempfile::TempDir;

/// `$1` storage, `$2` context, `$3` base, `$4` service.
const BUILD_AND_RUN: &str = r#"
set -e
export XDG_RUNTIME_DIR=$1
storage="--root $1/root --runroot $1/run --storage-driver overlay"
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$1/policy.json"
buildah $storage bud --quiet --signature-policy "$1/policy.json" --tls-verify=false \
    --isolation chroot --network host \
    --build-arg BASE="$3" --build-arg SERVICE="$4" --build-arg PROGRAMS=bin \
    --iidfile "$1/id" --file "$2/Containerfile" "$2" >&2
image=$(cat "$1/id")
config='{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}'
buildah $storage inspect --type image --format "$config" "$image"
echo
container=$(buildah $storage from --pull-never "$image")
buildah $storage run --isolation chroot "$container" -- id -un
buildah $storage run --isolation chroot "$container" -- /usr/local/bin/slipway --help
if [ "$4" = builder ]; then
    buildah $storage run --isolation chroot "$container" -- \
        which buildah runc slirp4netns newuidmap ip bash setpriv
fi
"#;

/// Writes the Containerfile and the service's program.
fn write_context(context: &Path, service: &str) {
    let containerfile = include_str!("../../../../deploy/Containerfile");
    fs::write(context.join("Containerfile"), containerfile).unwrap();

    let program = format!("slipway-{service}");
    let built = format!("{}/{program}", std::env::var(env::BIN).unwrap());
    fs::create_dir(context.join("bin")).unwrap();
    fs::copy(built, context.join("bin").join(&program)).unwrap();
}

/// Builds and runs the image of a service. Returns the output. `None` if there is no registry: the
/// test must return.
fn build_and_run(service: &str) -> Option<String> {
    let registry = env::server(env::REGISTRY)?;
    let user = UnprivilegedUser::find().unwrap();
    let folder = user.folder("e2e").unwrap();
    let storage = TempDir::new_in(&folder).unwrap();
    let context = TempDir::new_in(&folder).unwrap();
    write_context(context.path(), service);

    let output = user
        .command_in_user_namespace("sh")
        .args(["-c", BUILD_AND_RUN, "build"])
        .arg(storage.path())
        .arg(context.path())
        .arg(format!("{registry}/{}", base_image::REPOSITORY))
        .arg(service)
        .output()
        .unwrap();
    // The storage belongs to the user namespace.
    let removed = user
        .command_in_user_namespace("rm")
        .arg("-rf")
        .arg(storage.path().join("root"))
        .status()
        .unwrap();

    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && removed.success(), "{service}: {text}{errors}");
    Some(text)
}

#[test]
fn every_service_has_an_image_that_runs_as_an_unprivileged_user() {
    for service in ["permission", "catalog", "builder"] {
        let Some(text) = build_and_run(service) else { return };

        assert!(text.starts_with("10001 [/usr/local/bin/slipway] [serve]\nslipway\n"), "{text}");
        for subcommand in ["serve", "migrate", "config", "health"] {
            let is_listed = text.lines().any(|line| line.trim_start().starts_with(subcommand));
            assert!(is_listed, "{subcommand}: {text}");
        }
        assert!(service != "builder" || text.contains("/usr/bin/newuidmap"), "{text}");
    }
}

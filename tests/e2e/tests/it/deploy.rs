//! The images that operators deploy: made from `deploy/Containerfile` on the Debian base, and run.

use std::process::Command;

use slipway_testrig::{base, env, user::Ordinary};
use tempfile::TempDir;

/// `$1` storage, `$2` context, `$3` base, `$4` service.
const MAKE_AND_RUN: &str = r#"
set -e
export XDG_RUNTIME_DIR=$1
storage="--root $1/root --runroot $1/run --storage-driver overlay"
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$1/policy.json"
buildah $storage bud --quiet --signature-policy "$1/policy.json" --tls-verify=false --isolation chroot --network host \
    --build-arg BASE="$3" --build-arg SERVICE="$4" --build-arg PROGRAMS=bin --iidfile "$1/id" --file "$2/Containerfile" "$2" >&2
image=$(cat "$1/id")
buildah $storage inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}' "$image"
echo
container=$(buildah $storage from --pull-never "$image")
buildah $storage run --isolation chroot "$container" -- id -un
buildah $storage run --isolation chroot "$container" -- /usr/local/bin/slipway --help
if [ "$4" = builder ]; then
    buildah $storage run --isolation chroot "$container" -- which buildah runc slirp4netns newuidmap ip bash setpriv
fi
"#;

fn image_of(service: &str) -> Option<String> {
    let registry = env::server(env::REGISTRY)?;
    let user = Ordinary::find().unwrap();
    let storage = TempDir::new_in(user.folder("e2e").unwrap()).unwrap();
    let context = TempDir::new_in(user.folder("e2e").unwrap()).unwrap();
    std::fs::write(
        context.path().join("Containerfile"),
        include_str!("../../../../deploy/Containerfile"),
    )
    .unwrap();
    std::fs::create_dir(context.path().join("bin")).unwrap();
    let program = format!("slipway-{service}");
    let from = format!("{}/{program}", std::env::var("SLIPWAY_TEST_BIN").unwrap());
    std::fs::copy(from, context.path().join("bin").join(&program)).unwrap();
    let mut command: Command = user.mapped("sh");
    command.args(["-c", MAKE_AND_RUN, "make"]).arg(storage.path()).arg(context.path());
    let output =
        command.arg(format!("{registry}/{}", base::REPOSITORY)).arg(service).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let removed = user.mapped("rm").arg("-rf").arg(storage.path().join("root")).status();
    assert!(
        output.status.success() && removed.unwrap().success(),
        "{service}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(said)
}

#[test]
fn every_service_has_its_image() {
    for service in ["permission", "catalog", "builder"] {
        let Some(said) = image_of(service) else { return };
        assert!(said.starts_with("10001 [/usr/local/bin/slipway] [serve]\nslipway\n"), "{said}");
        for verb in ["serve", "migrate", "config", "health"] {
            assert!(said.lines().any(|line| line.trim_start().starts_with(verb)), "{verb}: {said}");
        }
        assert!(service != "builder" || said.contains("/usr/bin/newuidmap"), "{said}");
    }
}

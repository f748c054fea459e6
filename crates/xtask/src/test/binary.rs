//! Building the test binaries.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Result, bail};
use serde_json::Value;
use slipway_testrig::user::UnprivilegedUser;

use crate::workspace::{cargo, copy};

pub(super) struct TestBinary {
    /// Package and target, as `cargo test --package` takes them: `slipway-catalog --test it`.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// Builds all test binaries. Returns them in the order of their names.
pub(super) fn build_tests() -> Result<Vec<TestBinary>> {
    let output = cargo()
        .args(["test", "--workspace", "--no-run", "--quiet", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()?;

    let mut binaries = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let message = serde_json::from_str(line)?;
        binaries.extend(TestBinary::of_message(&message));
        if let Some(text) = message["message"]["rendered"].as_str() {
            eprint!("{text}");
        }
    }

    if !output.status.success() {
        bail!("the tests do not compile");
    }
    binaries.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(binaries)
}

/// Copies the test binaries into a folder that the unprivileged user can read.
pub(super) fn copy_tests(
    binaries: Vec<TestBinary>,
    user: &UnprivilegedUser,
) -> Result<Vec<TestBinary>> {
    let folder = user.home().join("tests");
    user.recreate_folder(&folder)?;

    binaries.into_iter().map(|binary| binary.copy_to(&folder)).collect()
}

impl TestBinary {
    /// The test binary that a message of cargo announces, if it announces one.
    fn of_message(message: &Value) -> Option<Self> {
        if message["profile"]["test"] != true {
            return None;
        }

        let path = PathBuf::from(message["executable"].as_str()?);
        let package = package_name(message["package_id"].as_str()?)?;
        let target = message["target"]["name"].as_str()?;
        let name = match message["target"]["kind"][0].as_str()? {
            "lib" => format!("{package} --lib"),
            kind => format!("{package} --{kind} {target}"),
        };
        Some(Self { name, path })
    }

    fn copy_to(self, folder: &Path) -> Result<Self> {
        let file_name = self.name.replace(" --", "-").replace(' ', "-");
        let path = folder.join(file_name);
        copy(&self.path, &path)?;

        Ok(Self { path, ..self })
    }
}

/// The name in a package id: `path+file:///a/cli#slipway-cli@0.1.0`, or
/// `path+file:///a/xtask#0.1.0` when the folder has the name of the package.
fn package_name(id: &str) -> Option<&str> {
    let (url, fragment) = id.split_once('#')?;

    match fragment.split_once('@') {
        Some((name, _version)) => Some(name),
        None => url.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(package_id: &str, kind: &str, target: &str) -> Option<String> {
        let message = json!({
            "profile": { "test": true },
            "executable": "/target/debug/deps/it-1685fb29405cf737",
            "package_id": package_id,
            "target": { "kind": [kind], "name": target },
        });
        TestBinary::of_message(&message).map(|binary| binary.name)
    }

    #[test]
    fn binary_is_named_by_package_and_target() {
        let cli = "path+file:///src/slipway/crates/cli#slipway-cli@0.1.0";
        let xtask = "path+file:///src/slipway/crates/xtask#0.1.0";

        assert_eq!(name(cli, "test", "it").as_deref(), Some("slipway-cli --test it"));
        assert_eq!(name(cli, "bin", "slipway").as_deref(), Some("slipway-cli --bin slipway"));
        assert_eq!(name(xtask, "lib", "xtask").as_deref(), Some("xtask --lib"));
    }

    #[test]
    fn other_messages_are_ignored() {
        for message in [
            json!({ "reason": "build-finished", "success": true }),
            json!({ "profile": { "test": false }, "executable": "/target/debug/slipway" }),
            json!({ "profile": { "test": true }, "executable": null }),
        ] {
            assert!(TestBinary::of_message(&message).is_none(), "{message}");
        }
    }
}

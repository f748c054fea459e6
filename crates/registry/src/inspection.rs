//! What an inspected image is, and which bases must not be built on.

use serde_json::Value;
use slipway_names::{digest::Digest, platform::Platform};

use crate::strict_json::fold;

/// What is behind a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Of the manifest or index.
    pub digest: Digest,
    /// Every platform it has an image for.
    pub platforms: Vec<Platform>,
    /// Compressed config and layers of the first platform, in bytes.
    pub size_bytes: i64,
}

/// One image for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Of its manifest.
    pub digest: Digest,
    /// Of its config, which container tools call the image's id.
    pub config_digest: Digest,
    /// From its config.
    pub platform: Platform,
    /// Compressed config and layers, in bytes.
    pub size_bytes: i64,
    /// As the registry has it (OCI image specification, config).
    pub config: Value,
}

/// A base that would run or mean something other than it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeBase {
    /// ONBUILD triggers run in the build of whoever builds on it.
    #[error("the base carries ONBUILD triggers, which are refused; use a base without them")]
    OnBuild,
    /// A user with a line break or the like.
    #[error("the base's USER is malformed; use a base with a plain user such as `1000:100`")]
    MalformedUser,
    /// Not an object with a config inside.
    #[error("the base's config is malformed; rebuild the base")]
    MalformedConfig,
}

/// Refuses a base by its raw config, whose keys container tools read in any letter case; the user of one that is accepted, or nothing.
pub fn check_base(config: &Value) -> Result<&str, UnsafeBase> {
    let top = config.as_object().ok_or(UnsafeBase::MalformedConfig)?;
    let mut found = "";
    for (name, section) in
        top.iter().filter(|(key, _)| ["config", "container_config"].contains(&fold(key).as_str()))
    {
        if section.is_null() {
            continue;
        }
        let section = section.as_object().ok_or(UnsafeBase::MalformedConfig)?;
        for (key, value) in section {
            if fold(key) == "onbuild"
                && !(value.is_null() || value.as_array().is_some_and(Vec::is_empty))
            {
                return Err(UnsafeBase::OnBuild);
            }
            if fold(key) == "user" {
                let user = value
                    .as_str()
                    .filter(|user| is_plain_user(user))
                    .ok_or(UnsafeBase::MalformedUser)?;
                if fold(name) == "config" {
                    found = user;
                }
            }
        }
    }
    Ok(found)
}

/// `user[:group]`, each a name or a number.
fn is_plain_user(user: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 64
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && !part.starts_with('-')
    };
    user.is_empty() || (user.split(':').count() <= 2 && user.split(':').all(is_plain))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bases_are_refused_by_their_raw_config() {
        let check = |config: Value, want: Result<&str, UnsafeBase>| {
            assert_eq!(check_base(&config), want, "{config}")
        };
        check(json!({}), Ok(""));
        check(json!({ "config": null }), Ok(""));
        for user in ["", "1000", "1000:100", "jovyan", "a.b-c:d"] {
            check(json!({ "config": { "User": user, "OnBuild": null } }), Ok(user));
            check(
                json!({ "CONFIG": { "u\u{17f}er": user }, "container_config": { "User": "other" } }),
                Ok(user),
            );
        }
        for key in ["OnBuild", "ONBUILD", "onbuild", "oNbUiLd"] {
            check(json!({ "config": { key: ["RUN id"] } }), Err(UnsafeBase::OnBuild));
            check(json!({ "Config": { key: "RUN id" } }), Err(UnsafeBase::OnBuild));
        }
        check(json!({ "config": { "u\u{17f}er": "a b" } }), Err(UnsafeBase::MalformedUser));
        for user in ["a\nRUN id", "a b", ":", "a:b:c", "-x", "$(id)"] {
            check(json!({ "config": { "user": user } }), Err(UnsafeBase::MalformedUser));
        }
        check(json!([]), Err(UnsafeBase::MalformedConfig));
        check(json!({ "config": [] }), Err(UnsafeBase::MalformedConfig));
    }
}

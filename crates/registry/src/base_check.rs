//! The check of base images.

use serde_json::{Map, Value};

use crate::strict_json::fold;

/// The cause of a refused base image: a build on it would do something other than its spec says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeBase {
    /// ONBUILD triggers run inside every build on the base.
    #[error("the base carries ONBUILD triggers, which are refused; use a base without them")]
    OnBuild,
    /// For example a user with a line break.
    #[error("the base's USER is malformed; use a base with a plain user such as `1000:100`")]
    MalformedUser,
    /// The config is not an object, or its section is not one.
    #[error("the base's config is malformed; rebuild the base")]
    MalformedConfig,
}

/// Checks a base by its raw config. Returns its user, which is empty if the base has none.
///
/// Container tools read the keys of a config in any letter case, and some read `container_config`
/// too.
///
/// # Errors
/// [`UnsafeBase`].
pub fn check_base(config: &Value) -> Result<&str, UnsafeBase> {
    let config = config.as_object().ok_or(UnsafeBase::MalformedConfig)?;
    let mut user = "";

    for (key, section) in config {
        let name = fold(key);
        if section.is_null() || !["config", "container_config"].contains(&name.as_str()) {
            continue;
        }

        let section = section.as_object().ok_or(UnsafeBase::MalformedConfig)?;
        if let Some(section_user) = check_section(section)?
            && name == "config"
        {
            user = section_user;
        }
    }

    Ok(user)
}

/// Checks one section of a config. Returns its user, if it has one.
fn check_section(section: &Map<String, Value>) -> Result<Option<&str>, UnsafeBase> {
    let mut user = None;

    for (key, value) in section {
        match fold(key).as_str() {
            "onbuild" if !is_empty_list(value) => return Err(UnsafeBase::OnBuild),
            "user" => user = Some(plain_user(value).ok_or(UnsafeBase::MalformedUser)?),
            _ => {}
        }
    }

    Ok(user)
}

fn is_empty_list(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// `user[:group]`, each a name or a number; empty is allowed.
fn plain_user(value: &Value) -> Option<&str> {
    let user = value.as_str()?;
    let is_plain =
        user.is_empty() || (user.split(':').count() <= 2 && user.split(':').all(is_plain_part));

    is_plain.then_some(user)
}

fn is_plain_part(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= 64
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !part.starts_with('-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(config: Value, want: Result<&str, UnsafeBase>) {
        assert_eq!(check_base(&config), want, "{config}");
    }

    #[test]
    fn base_with_a_plain_user_is_accepted() {
        check(json!({}), Ok(""));
        check(json!({ "config": null }), Ok(""));

        for user in ["", "1000", "1000:100", "jovyan", "a.b-c:d"] {
            check(json!({ "config": { "User": user, "OnBuild": null } }), Ok(user));
            check(
                json!({
                    "CONFIG": { "u\u{17f}er": user },
                    "container_config": { "User": "other" },
                }),
                Ok(user),
            );
        }
    }

    #[test]
    fn base_with_onbuild_triggers_is_refused_in_any_letter_case() {
        for key in ["OnBuild", "ONBUILD", "onbuild", "oNbUiLd"] {
            check(json!({ "config": { key: ["RUN id"] } }), Err(UnsafeBase::OnBuild));
            check(json!({ "Config": { key: "RUN id" } }), Err(UnsafeBase::OnBuild));
        }
    }

    #[test]
    fn base_with_a_malformed_user_is_refused() {
        check(json!({ "config": { "u\u{17f}er": "a b" } }), Err(UnsafeBase::MalformedUser));
        for user in ["a\nRUN id", "a b", ":", "a:b:c", "-x", "$(id)"] {
            check(json!({ "config": { "user": user } }), Err(UnsafeBase::MalformedUser));
        }
    }

    #[test]
    fn base_with_a_malformed_config_is_refused() {
        check(json!([]), Err(UnsafeBase::MalformedConfig));
        check(json!({ "config": [] }), Err(UnsafeBase::MalformedConfig));
    }
}

//! Configuration as it may be shown: without what a URL carries as user-info, and without the values of keys that are named as secrets.
//!
//! It rather hides too much: what looks like user-info is taken for it.

use serde::Serialize;
use toml::Value;

const HIDDEN: &str = "***";
/// A key with one of them in its name is secret, unless the name says that a file holds it.
const SECRET: [&str; 6] = ["secret", "password", "passwd", "token", "key", "credential"];

/// The configuration in force as TOML, its keys sorted.
///
/// # Errors
/// When the configuration cannot be written as TOML.
pub(crate) fn redacted<T: Serialize>(config: &T) -> Result<String, toml::ser::Error> {
    let mut value = Value::try_from(config)?;
    hide(&mut value);
    Ok(toml::to_string_pretty(&value)?.trim_end().to_owned())
}

fn hide(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_user_info(text),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Table(table) => {
            for (name, value) in table {
                match is_secret(name) {
                    true => hide_all(value),
                    false => hide(value),
                }
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

/// One that is empty may be seen to be.
fn hide_all(value: &mut Value) {
    if value.as_str() != Some("") {
        *value = Value::String(HIDDEN.to_owned());
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    !name.ends_with("_file") && SECRET.iter().any(|word| name.contains(word))
}

/// A text with any number of URLs in it.
fn without_user_info(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        shown.push_str(&address_without_secrets(part));
    }
    shown
}

/// `user:password@host/path?password=…`: the user's name stays where a password follows it.
fn address_without_secrets(address: &str) -> String {
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    // A password may have in it what should end the authority; then the last `@` does.
    let shown = match address.rsplit_once('@') {
        Some((user_info, rest)) if authority.contains(['@', ':']) => {
            match user_info.split_once(':') {
                Some((user, _)) => format!("{user}:{HIDDEN}@{rest}"),
                None => format!("{HIDDEN}@{rest}"),
            }
        }
        _ => address.to_owned(),
    };
    let Some((before, query)) = shown.split_once('?') else { return shown };
    let shown_parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    };
    format!("{before}?{}", query.split('&').map(shown_parameter).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let cases = [
            ("url = 'postgres://me:secret@db/x'", "url = 'postgres://me:***@db/x'"),
            ("url = 'https://secret@host/x'", "url = 'https://***@host/x'"),
            (
                "url = 'amqp://me:secret@one,amqp://me:secret@two/x'",
                "url = 'amqp://me:***@one,amqp://me:***@two/x'",
            ),
            ("url = 'postgres://me:se/cr?e#t@db/x'", "url = 'postgres://me:***@db/x'"),
            ("url = 'postgres://me:se@cret@db/x'", "url = 'postgres://me:***@db/x'"),
            ("url = \"postgres://me:it's-secret@db/x\"", "url = 'postgres://me:***@db/x'"),
            ("url = 'postgres://me:a secret@db/x'", "url = 'postgres://me:***@db/x'"),
            (
                "url = 'postgres://db/x?sslmode=verify-full&password=secret'",
                "url = 'postgres://db/x?sslmode=verify-full&password=***'",
            ),
            (
                "url = 'sqlite:///data/a@b.sqlite?mode=rwc'",
                "url = 'sqlite:///data/a@b.sqlite?mode=rwc'",
            ),
            ("url = 'https://host/path@2x'", "url = 'https://host/path@2x'"),
            (
                "line = 'deb https://me:secret@host/debian bookworm main'",
                "line = 'deb https://me:***@host/debian bookworm main'",
            ),
            (
                "lines = ['https://me:secret@a', 'https://b']",
                "lines = ['https://me:***@a', 'https://b']",
            ),
            (
                "[a.b]\nproxy = 'http://me:secret@proxy:3128'",
                "[a.b]\nproxy = 'http://me:***@proxy:3128'",
            ),
            ("client_secret = 'secret'", "client_secret = '***'"),
            ("PASSWORD = 'secret'", "PASSWORD = '***'"),
            ("api_token = ['secret', 'secret']", "api_token = '***'"),
            ("[[robots]]\nkey = 'secret'", "[[robots]]\nkey = '***'"),
            ("password = ''", "password = ''"),
            (
                "service_key_file = '/run/secrets/key.pem'",
                "service_key_file = '/run/secrets/key.pem'",
            ),
            ("keep_alive_seconds = 30", "keep_alive_seconds = 30"),
        ];
        let parsed = |text: &str| Value::Table(toml::from_str(text).unwrap());
        for (given, want) in cases {
            let mut value = parsed(given);
            hide(&mut value);
            assert_eq!(value, parsed(want), "{given}");
        }
    }

    #[test]
    fn it_is_still_toml() {
        let given: toml::Table =
            toml::from_str("last = 1\n[broker]\nurl = 'amqp://me:secret@host/x'\n").unwrap();
        let shown = redacted(&given).unwrap();
        assert!(!shown.contains("secret"), "{shown}");
        let want: toml::Table =
            toml::from_str("last = 1\n[broker]\nurl = 'amqp://me:***@host/x'\n").unwrap();
        assert_eq!(toml::from_str::<toml::Table>(&shown).unwrap(), want);
    }
}

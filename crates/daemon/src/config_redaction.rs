//! Redacts a configuration for output: the user info of URLs, and the values of secret keys.
//!
//! In doubt a text is redacted: everything that looks like user info is taken for it.

use serde::Serialize;
use toml::Value;

const MASK: &str = "***";
/// A key that contains one of these words is secret, unless its name ends with `_file`.
const SECRET_WORDS: [&str; 6] = ["secret", "password", "passwd", "token", "key", "credential"];

/// The redacted configuration as TOML, its keys sorted.
///
/// # Errors
/// When the configuration cannot be written as TOML.
pub(crate) fn redacted<T: Serialize>(config: &T) -> Result<String, toml::ser::Error> {
    let mut value = Value::try_from(config)?;
    redact(&mut value);

    Ok(toml::to_string_pretty(&value)?.trim_end().to_owned())
}

fn redact(value: &mut Value) {
    match value {
        Value::String(text) => *text = redact_urls(text),
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::Table(table) => {
            for (name, value) in table {
                if is_secret(name) {
                    mask(value);
                } else {
                    redact(value);
                }
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

/// An empty value stays visible: it shows that no secret is configured.
fn mask(value: &mut Value) {
    if value.as_str() != Some("") {
        *value = Value::String(MASK.to_owned());
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    !name.ends_with("_file") && SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Redacts every URL in a text.
fn redact_urls(text: &str) -> String {
    let mut parts = text.split("://");
    let mut redacted = parts.next().unwrap_or_default().to_owned();

    for part in parts {
        redacted.push_str("://");
        redacted.push_str(&redact_address(part));
    }

    redacted
}

/// Redacts the part of a URL after `://`.
fn redact_address(address: &str) -> String {
    let address = redact_user_info(address);
    let Some((before, query)) = address.split_once('?') else { return address };

    let parameters: Vec<String> = query.split('&').map(redact_parameter).collect();
    format!("{before}?{}", parameters.join("&"))
}

/// `user:password@host` keeps the user's name; a user info without a password may be a token, so
/// all of it is masked.
fn redact_user_info(address: &str) -> String {
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    if !authority.contains(['@', ':']) {
        return address.to_owned();
    }

    // A password may contain the characters that should end the authority, so the last `@` of the
    // whole address ends the user info.
    let Some((user_info, rest)) = address.rsplit_once('@') else { return address.to_owned() };
    match user_info.split_once(':') {
        Some((user, _)) => format!("{user}:{MASK}@{rest}"),
        None => format!("{MASK}@{rest}"),
    }
}

fn redact_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
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

        for (given, want) in cases {
            let mut value = Value::Table(toml::from_str(given).unwrap());
            redact(&mut value);
            assert_eq!(value, Value::Table(toml::from_str(want).unwrap()), "{given}");
        }
    }

    #[test]
    fn redacted_configuration_is_valid_toml() {
        let given: toml::Table =
            toml::from_str("last = 1\n[broker]\nurl = 'amqp://me:secret@host/x'\n").unwrap();
        let want: toml::Table =
            toml::from_str("last = 1\n[broker]\nurl = 'amqp://me:***@host/x'\n").unwrap();

        let text = redacted(&given).unwrap();

        assert!(!text.contains("secret"), "{text}");
        assert_eq!(toml::from_str::<toml::Table>(&text).unwrap(), want);
    }
}

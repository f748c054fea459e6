//! `deploy/README.md` lists every configuration key of the services, and no other.

use std::collections::BTreeSet;

use serde_json::Value;
use slipway_builder::executor::buildah;
use slipway_identity::Issuer;
use slipway_permission::config::BootstrapAdmin;

const README: &str = include_str!("../../../../deploy/README.md");

fn database() -> slipway_database::Settings {
    slipway_database::Settings::new("sqlite::memory:".to_owned())
}

fn broker() -> Option<slipway_broker::Settings> {
    Some(slipway_broker::Settings { url: String::new(), prefetch: 1 })
}

fn identity() -> slipway_identity::Settings {
    let issuer = Issuer {
        issuer: String::new(),
        audience: String::new(),
        jwks_url: String::new(),
        jwks_file: "development.json".into(),
    };

    slipway_identity::Settings {
        issuers: vec![issuer],
        service_jwks_file: "services.json".into(),
        service_key_file: "service.pem".into(),
    }
}

/// The keys of a configuration in which every list of tables has an element: `a.b`, or `a[].b` in
/// the tables of a list.
fn keys_of(config: &Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    collect_keys(config, "", &mut keys);
    keys
}

fn collect_keys(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                collect_keys(value, &format!("{path}{dot}{name}"), keys);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            collect_keys(&items[0], &format!("{path}[]"), keys);
        }
        _ => {
            keys.insert(path.to_owned());
        }
    }
}

/// The keys of the service in the table of the README. In a row, `.b` after `a.x` stands for `a.b`.
fn documented_keys(service: &str) -> BTreeSet<String> {
    let is_section = |section: &&str| section.starts_with("Configuration\n");
    let section = README.split("\n## ").find(is_section).unwrap();

    let mut documented = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let services = cells[2].replace("all", "permission, catalog, builder");
        if services.split(", ").any(|named| named == service) {
            documented.extend(keys_of_cell(cells[1]));
        }
    }
    documented
}

fn keys_of_cell(cell: &str) -> Vec<String> {
    let names: Vec<&str> = cell.split(", ").map(|name| name.trim_matches('`')).collect();
    let section = names[0].rsplit_once('.').map_or("", |(section, _)| section);

    let complete = |name: &&str| match name.strip_prefix('.') {
        Some(key) => format!("{section}.{key}"),
        None => (*name).to_owned(),
    };
    names.iter().map(complete).collect()
}

#[track_caller]
fn check(service: &str, config: &Value) {
    let documented = documented_keys(service);
    let keys = keys_of(config);

    let undocumented: Vec<_> = keys.difference(&documented).collect();
    assert!(undocumented.is_empty(), "{service}: not in deploy/README.md: {undocumented:?}");
    let unknown: Vec<_> = documented.difference(&keys).collect();
    assert!(unknown.is_empty(), "{service}: no keys, but in deploy/README.md: {unknown:?}");
}

#[test]
fn keys_of_permission_are_the_documented_ones() {
    use slipway_permission::config::Config;

    let admin = BootstrapAdmin { issuer: String::new(), subject: String::new() };
    let config = Config {
        broker: broker(),
        bootstrap_admins: vec![admin],
        ..Config::new(database(), identity())
    };

    check("permission", &serde_json::to_value(config).unwrap());
}

#[test]
fn keys_of_catalog_are_the_documented_ones() {
    use slipway_catalog::config::Config;

    let registry = "registry.example".to_owned();
    let config = Config { broker: broker(), ..Config::new(database(), identity(), registry) };

    check("catalog", &serde_json::to_value(config).unwrap());
}

#[test]
fn keys_of_builder_are_the_documented_ones() {
    use slipway_builder::config::Config;

    let executor = buildah::Settings::new("builds".into());
    let config = Config { broker: broker(), ..Config::new(database(), identity(), executor) };

    check("builder", &serde_json::to_value(config).unwrap());
}

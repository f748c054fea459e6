//! The layers of a service: which one may use which, and which foreign crates each may name.

use crate::tidy::{modules::Package, source::Source};

/// From a layer to the layers that it may use besides itself, and no others. The roots of a package
/// (`main`, `lib`, `config`, `wire_up`) have no entry and may use all.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("messages", &["domain"]),
    ("ports", &["domain"]),
    ("clients", &["domain", "messages", "ports"]),
    ("store", &["domain", "messages", "ports"]),
    ("app", &["domain", "ports", "store"]),
    ("api", &["app", "domain", "messages"]),
    ("inbound", &["app", "domain", "messages", "store"]),
    ("reconcile", &["app", "domain", "store"]),
    ("worker", &["domain", "ports"]),
    ("executor", &["domain", "ports", "worker"]),
    ("config", &["domain", "executor"]),
];

/// Foreign crates that a layer must not name.
const BANNED_CRATES: &[(&str, &[&str])] = &[
    ("domain", &[SEA_ORM, WIRE, "axum", "lapin", "prost", "reqwest", "tokio", "tonic"]),
    ("messages", &[SEA_ORM, "axum", "lapin", "reqwest", "tokio", "tonic"]),
    ("ports", &[SEA_ORM, WIRE, "axum", "lapin", "reqwest", "tonic"]),
    ("clients", &[SEA_ORM, "axum", "lapin"]),
    ("store", &["axum", "lapin", "reqwest", "tonic"]),
    ("app", &[SEA_ORM, WIRE, "axum", "lapin", "prost", "tonic"]),
    ("api", &[SEA_ORM, "axum", "lapin", "reqwest"]),
    ("inbound", &[SEA_ORM, "axum", "lapin", "reqwest", "tonic"]),
    ("reconcile", &[SEA_ORM, WIRE, "axum", "lapin", "tonic"]),
    ("worker", &[SEA_ORM, WIRE, "axum", "lapin", "tonic"]),
    ("executor", &[SEA_ORM, WIRE, "axum", "lapin", "tonic"]),
];

const SEA_ORM: &str = "sea_orm";
const WIRE: &str = "slipway_wire";

/// One complaint for each use of a layer by another that the table does not allow.
pub(super) fn forbidden_arrows(package: &Package) -> Vec<String> {
    if !package.folder.starts_with("services/") {
        return Vec::new();
    }

    let mut complaints = Vec::new();
    for (from, to) in package.arrows() {
        let layer = layer_of(&from);
        let used = layer_of(&to);
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == layer) else {
            continue;
        };

        if layer != used && !allowed.contains(&used) {
            let folder = &package.folder;
            complaints.push(format!(
                "{folder}/src/{from}: uses {to}, but `{layer}` may not use `{used}` \
                 (services/README.md)"
            ));
        }
    }
    complaints
}

/// One complaint for each circle of files of the package that use each other.
pub(super) fn import_cycles(package: &Package) -> Vec<String> {
    let describe = |files: Vec<String>| describe_cycle(&package.folder, &files);
    package.cycles().into_iter().map(describe).collect()
}

fn describe_cycle(folder: &str, files: &[String]) -> String {
    format!("{folder}/src: these files use each other in a circle: {}", files.join(", "))
}

/// One complaint for each crate that the file's layer may not name.
pub(super) fn banned_crates(source: &Source) -> Vec<String> {
    let Some((_, name)) =
        source.path.strip_prefix("services/").and_then(|it| it.split_once("/src/"))
    else {
        return Vec::new();
    };
    let layer = layer_of(name);
    let banned = BANNED_CRATES.iter().find(|(candidate, _)| *candidate == layer);

    let banned = banned.map(|(_, crates)| *crates).unwrap_or_default();
    banned
        .iter()
        .filter(|name| names_crate(&source.text, name))
        .map(|name| format!("`{layer}` may not use `{name}` (services/README.md)"))
        .collect()
}

fn names_crate(text: &str, name: &str) -> bool {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    let path = format!("{name}::");
    let import = format!("use {name}");

    code.into_iter().any(|line| line.contains(&path) || line.contains(&import))
}

/// The layer of a file, by its path below `src`.
fn layer_of(name: &str) -> &str {
    if name.ends_with("/ports.rs") || name.contains("/ports/") {
        return "ports";
    }
    name.split(['/', '.']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every arrow between two layers that the table must reject.
    const FORBIDDEN: &[(&str, &[&str])] = &[
        (
            "domain",
            &[
                "api",
                "app",
                "clients",
                "config",
                "executor",
                "inbound",
                "messages",
                "ports",
                "reconcile",
                "store",
                "worker",
            ],
        ),
        (
            "messages",
            &[
                "api",
                "app",
                "clients",
                "config",
                "executor",
                "inbound",
                "ports",
                "reconcile",
                "store",
                "worker",
            ],
        ),
        (
            "ports",
            &[
                "api",
                "app",
                "clients",
                "config",
                "executor",
                "inbound",
                "messages",
                "reconcile",
                "store",
                "worker",
            ],
        ),
        (
            "clients",
            &["api", "app", "config", "executor", "inbound", "reconcile", "store", "worker"],
        ),
        (
            "store",
            &["api", "app", "clients", "config", "executor", "inbound", "reconcile", "worker"],
        ),
        (
            "app",
            &["api", "clients", "config", "executor", "inbound", "messages", "reconcile", "worker"],
        ),
        (
            "api",
            &["clients", "config", "executor", "inbound", "ports", "reconcile", "store", "worker"],
        ),
        ("inbound", &["api", "clients", "config", "executor", "ports", "reconcile", "worker"]),
        (
            "reconcile",
            &["api", "clients", "config", "executor", "inbound", "messages", "ports", "worker"],
        ),
        (
            "worker",
            &[
                "api",
                "app",
                "clients",
                "config",
                "executor",
                "inbound",
                "messages",
                "reconcile",
                "store",
            ],
        ),
        (
            "executor",
            &["api", "app", "clients", "config", "inbound", "messages", "reconcile", "store"],
        ),
        (
            "config",
            &[
                "api",
                "app",
                "clients",
                "inbound",
                "messages",
                "ports",
                "reconcile",
                "store",
                "worker",
            ],
        ),
    ];

    fn file(layer: &str) -> String {
        if layer == "ports" { "worker/ports.rs".to_owned() } else { format!("{layer}/mod.rs") }
    }

    fn import(layer: &str) -> String {
        let module = if layer == "ports" { "worker::ports" } else { layer };
        format!("use crate::{module}::Item;\n")
    }

    fn complaints(from: &str, to: &str) -> Vec<String> {
        let parse = |name: &str, text: &str| {
            Source::parse(&format!("services/x/src/{name}"), text).expect("Rust")
        };

        let parents = [parse("lib.rs", ""), parse("worker/mod.rs", "")];
        let user = parse(&file(from), &import(to));
        let used = parse(&file(to), "pub struct Item;\n");
        forbidden_arrows(
            &Package::all(&parents.into_iter().chain([user, used]).collect::<Vec<_>>())[0],
        )
    }

    #[test]
    fn forbidden_arrows_are_rejected_and_allowed_ones_accepted() {
        for (from, forbidden) in FORBIDDEN {
            for to in *forbidden {
                assert_eq!(complaints(from, to).len(), 1, "{from} → {to}");
            }
        }
        for (from, allowed) in ALLOWED {
            for to in *allowed {
                assert_eq!(complaints(from, to), Vec::<String>::new(), "{from} → {to}");
            }
        }
    }

    #[test]
    fn every_pair_of_layers_is_either_allowed_or_forbidden() {
        for (index, (from, allowed)) in ALLOWED.iter().enumerate() {
            let forbidden = FORBIDDEN[index].1;
            assert_eq!(FORBIDDEN[index].0, *from);
            assert_eq!(allowed.len() + forbidden.len() + 1, ALLOWED.len(), "{from}");
        }
    }

    #[test]
    fn crates_of_other_layers_are_rejected() {
        for (layer, crates) in BANNED_CRATES {
            for name in *crates {
                let path = format!("services/x/src/{}", file(layer));
                let source = Source::parse(&path, &format!("use {name}::a;\n")).expect("Rust");
                assert_eq!(banned_crates(&source).len(), 1, "{layer} names {name}");
            }
        }

        let comment = Source::parse("services/x/src/domain/a.rs", "//! no tokio:: here\n");
        assert_eq!(banned_crates(&comment.expect("Rust")), Vec::<String>::new());
    }

    #[test]
    fn files_that_use_each_other_are_rejected() {
        let parse = |name: &str, text: &str| {
            Source::parse(&format!("crates/x/src/{name}"), text).expect("Rust")
        };
        let sources = [
            parse("lib.rs", "mod a;\nmod b;\n"),
            parse("a.rs", "use crate::b::B;\n"),
            parse("b.rs", "use crate::a::A;\n"),
        ];

        assert_eq!(import_cycles(&Package::all(&sources)[0]).len(), 1);
    }
}

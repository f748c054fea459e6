//! Layout rules, each with a fixture that it rejects.

use std::{fs, path::Path};

use anyhow::{Result, bail};

use crate::workspace::root;

/// One source file.
struct Source<'a> {
    path: &'a str,
    text: &'a str,
}

type Rule = fn(&Source<'_>) -> Option<&'static str>;

const RULES: &[Rule] = &[
    domain_is_pure,
    wire_stays_at_the_edge,
    sea_orm_stays_in_stores,
    modules_say_what_they_are_for,
    files_are_short,
];

pub(crate) fn run() -> Result<()> {
    let mut complaints = Vec::new();
    for folder in ["crates", "services", "tests"] {
        walk(&root().join(folder), &mut complaints)?;
    }
    complaints.extend(unlisted_rpcs()?);
    match complaints.is_empty() {
        true => Ok(()),
        false => bail!("tidy:\n{}", complaints.join("\n")),
    }
}

fn walk(folder: &Path, complaints: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, complaints)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let name = path.strip_prefix(root())?.display().to_string();
            let source = Source { path: &name, text: &text };
            complaints.extend(
                RULES
                    .iter()
                    .filter_map(|rule| rule(&source))
                    .map(|complaint| format!("{name}: {complaint}")),
            );
        }
    }
    Ok(())
}

fn names(source: &Source<'_>, crates: &[&str]) -> bool {
    source.text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        crates.iter().any(|name| {
            line.contains(&format!("{name}::")) || line.contains(&format!("use {name}"))
        })
    })
}

fn is_in(source: &Source<'_>, folders: &[&str]) -> bool {
    folders.iter().any(|folder| source.path.contains(folder))
}

fn domain_is_pure(source: &Source<'_>) -> Option<&'static str> {
    (source.path.contains("/domain/")
        && names(source, &["tokio", "tonic", "prost", "sea_orm", "lapin", "reqwest", "axum"]))
    .then_some("domain/ knows only rules: no runtime, wire, database or broker")
}

fn wire_stays_at_the_edge(source: &Source<'_>) -> Option<&'static str> {
    let allowed = [
        "/api/",
        "/inbound/",
        "/outbound/",
        "crates/wire/",
        "crates/outbox/",
        "crates/authorizer/",
        "crates/access/",
        "crates/daemon/",
        "crates/cli/",
        "xtask/src/tidy.rs",
        "tests/",
    ];
    // The commit of a permission change encodes what it hashes; the builder's request passes through.
    let exceptions = ["permission/src/store/change.rs", "catalog/src/app/read.rs"];
    (names(source, &["slipway_wire"]) && !is_in(source, &allowed) && !is_in(source, &exceptions))
        .then_some("generated types stay in api/, inbound/, outbound/ and the crates made for them")
}

fn sea_orm_stays_in_stores(source: &Source<'_>) -> Option<&'static str> {
    let allowed = [
        "/store/",
        "/outbound/",
        "wire_up.rs",
        "crates/database/",
        "crates/outbox/",
        "crates/access/",
        "crates/fault/src/database.rs",
        "crates/daemon/src/process.rs",
        "xtask/src/tidy.rs",
    ];
    (names(source, &["sea_orm", "sea_orm_migration"])
        && !is_in(source, &allowed)
        && !source.path.contains("/tests/"))
    .then_some("sea-orm stays in store/ and the crates made for it")
}

fn modules_say_what_they_are_for(source: &Source<'_>) -> Option<&'static str> {
    let is_said = source.text.starts_with("//!") || source.text.starts_with("#![doc");
    (!is_said).then_some("a module opens with `//!`: what it is for")
}

fn files_are_short(source: &Source<'_>) -> Option<&'static str> {
    (source.text.lines().count() > 600).then_some("a file has at most 600 lines")
}

/// Every RPC stands in the authorization matrix of `services/README.md`.
fn unlisted_rpcs() -> Result<Vec<String>> {
    let readme = fs::read_to_string(root().join("services/README.md"))?;
    let mut complaints = Vec::new();
    for file in protos(&root().join("proto"))? {
        complaints.extend(missing_from_matrix(&readme, &fs::read_to_string(&file)?));
    }
    Ok(complaints)
}

fn missing_from_matrix(readme: &str, proto: &str) -> Vec<String> {
    let matrix = readme
        .split("\n## ")
        .find(|section| section.starts_with("Authorization matrix"))
        .unwrap_or_default();
    let rpcs = proto.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next());
    let missing = rpcs.filter(|rpc| !matrix.contains(&format!("`{rpc}`")));
    missing
        .map(|rpc| format!("services/README.md: the authorization matrix lacks `{rpc}`"))
        .collect()
}

fn protos(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(protos(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rpc_without_a_row_is_found() {
        let readme =
            "# x\n`Elsewhere`\n## Authorization matrix\n| any | `Get` |\n## More\n`Behind`\n";
        let proto = "service S {\n  rpc Get(A) returns (B);\n  rpc Elsewhere(A) returns (B);\n  rpc Behind(A) returns (B);\n}\n";
        let named: Vec<String> = missing_from_matrix(readme, proto)
            .iter()
            .filter_map(|text| Some(text.rsplit_once("lacks ")?.1.to_owned()))
            .collect();
        assert_eq!(named, ["`Elsewhere`", "`Behind`"]);
    }

    #[test]
    fn each_rule_rejects_its_fixture() {
        let long = format!("//! x\n{}", "\n".repeat(601));
        let rejects = |rule: Rule, path: &str, text: &str| {
            assert!(rule(&Source { path, text }).is_some(), "{path}")
        };
        rejects(domain_is_pure, "services/x/src/domain/a.rs", "//! x\nuse tokio::sync;");
        rejects(
            wire_stays_at_the_edge,
            "services/x/src/app/a.rs",
            "//! x\nuse slipway_wire::catalog;",
        );
        rejects(sea_orm_stays_in_stores, "services/x/src/app/a.rs", "//! x\nuse sea_orm::DbErr;");
        rejects(modules_say_what_they_are_for, "crates/x/src/lib.rs", "use std::fs;");
        rejects(files_are_short, "crates/x/src/lib.rs", &long);
        let accepts = |rule: Rule, path: &str, text: &str| {
            assert!(rule(&Source { path, text }).is_none(), "{path}")
        };
        accepts(domain_is_pure, "services/x/src/domain/a.rs", "//! no tokio:: here\nuse std::fmt;");
        accepts(
            wire_stays_at_the_edge,
            "services/x/src/api/a.rs",
            "//! x\nuse slipway_wire::catalog;",
        );
    }
}

//! Every RPC has a row in the authorization matrix of `services/README.md`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::workspace::root;

pub(super) fn unlisted_rpcs() -> Result<Vec<String>> {
    let readme = fs::read_to_string(root().join("services/README.md"))?;

    let mut complaints = Vec::new();
    for file in protos(&root().join("proto"))? {
        complaints.extend(missing_from_matrix(&readme, &fs::read_to_string(&file)?));
    }
    Ok(complaints)
}

fn missing_from_matrix(readme: &str, proto: &str) -> Vec<String> {
    let is_matrix = |section: &&str| section.starts_with("Authorization matrix");
    let matrix = readme.split("\n## ").find(is_matrix).unwrap_or_default();

    let rpcs = proto.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next());
    rpcs.filter(|rpc| !matrix.contains(&format!("`{rpc}`")))
        .map(|rpc| format!("services/README.md: the authorization matrix has no row for `{rpc}`"))
        .collect()
}

fn protos(folder: &Path) -> Result<Vec<PathBuf>> {
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
    fn rpc_outside_of_the_matrix_is_rejected() {
        let readme =
            "# x\n`Elsewhere`\n## Authorization matrix\n| any | `Get` |\n## More\n`Behind`\n";
        let rpc = |name: &str| format!("  rpc {name}(A) returns (B);\n");
        let proto = ["Get", "Elsewhere", "Behind"].map(rpc).concat();

        let complaints = missing_from_matrix(readme, &proto);
        let named: Vec<_> =
            complaints.iter().filter_map(|text| text.split("for ").nth(1)).collect();
        assert_eq!(named, ["`Elsewhere`", "`Behind`"]);
    }
}

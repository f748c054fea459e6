//! The directory with the keys and the databases.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use slipway_testrig::env;
use tempfile::TempDir;

#[test]
fn data_directory_is_for_its_owner_only() {
    let Some(bin) = env::server(env::BIN) else { return };
    let folder = TempDir::new().unwrap();
    let data_dir = folder.path().join("data");
    fs::create_dir(&data_dir).unwrap();
    fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o755)).unwrap();

    let status = Command::new(Path::new(&bin).join("slipway-standalone"))
        .arg("--data-dir")
        .arg(&data_dir)
        .arg("keys")
        .status();

    assert!(status.unwrap().success());
    assert_eq!(fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777, 0o700);
}

//! The directory with the keys and the databases.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use slipway_testrig::env;
use tempfile::TempDir;

/// Runs `slipway-standalone keys`. Returns whether it succeeded, and its errors.
fn create_keys(bin: &str, data_dir: &Path) -> (bool, String) {
    let output = Command::new(Path::new(bin).join("slipway-standalone"))
        .arg("--data-dir")
        .arg(data_dir)
        .arg("keys")
        .output()
        .unwrap();

    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn mode(folder: &Path) -> u32 {
    fs::metadata(folder).unwrap().permissions().mode() & 0o777
}

#[test]
fn data_directory_is_for_its_owner_only() {
    let Some(bin) = env::server(env::BIN) else { return };
    let folder = TempDir::new().unwrap();
    let data_dir = folder.path().join("data");

    for _ in ["new", "used"] {
        let (is_success, errors) = create_keys(&bin, &data_dir);
        assert!(is_success, "{errors}");
        assert_eq!(mode(&data_dir), 0o700);
        fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn directory_with_other_files_is_not_taken_as_data_directory() {
    let Some(bin) = env::server(env::BIN) else { return };
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("other"), "").unwrap();

    let (is_success, errors) = create_keys(&bin, folder.path());

    assert!(!is_success);
    assert!(errors.contains("holds other files"), "{errors}");
    assert_eq!(mode(folder.path()), 0o755);
}

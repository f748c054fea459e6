//! Files with private keys.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, thread};

use serde_json::Value;
use slipway_identity::SigningKey;
use tempfile::TempDir;

/// The public half of the key in a file that is created if it is missing.
fn read_or_create(path: &Path) -> Result<Value, String> {
    SigningKey::read_or_create(path, "catalog")
        .map(|key| key.jwk())
        .map_err(|error| error.to_string())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn concurrent_creates_return_the_same_private_key() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("catalog.pem");

    let keys: Vec<Value> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| read_or_create(&path).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();

    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files, ["catalog.pem"], "no temporary file is left");
}

#[test]
fn key_file_that_other_users_can_access_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("catalog.pem");
    read_or_create(&path).unwrap();

    for mode in [0o644, 0o640, 0o604] {
        set_mode(&path, mode);
        let error = read_or_create(&path).unwrap_err();
        assert!(error.contains("set 0600"), "{error}");
    }
}

#[test]
fn damaged_key_file_is_refused_and_not_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("catalog.pem");
    fs::write(&path, "x").unwrap();
    set_mode(&path, 0o600);

    read_or_create(&path).unwrap_err();

    assert_eq!(fs::read_to_string(&path).unwrap(), "x");
}

#[test]
fn key_file_in_a_missing_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    read_or_create(&folder.path().join("absent/catalog.pem")).unwrap_err();
}

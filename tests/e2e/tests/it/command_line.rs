//! The command line for programs: request files, the profile, output formats and exit codes.

use std::{fs, path::Path, process::Command};

use slipway_testrig::stack::output_of;
use tempfile::TempDir;

use crate::fixture::{Fixture, shared};

fn write_profile(fixture: &Fixture, home: &Path) {
    let [permission, catalog, builder] = fixture.stack.environment().map(|(_, address)| address);
    let token = fixture.token("admin");
    let profile = format!(
        "permission: {permission}\ncatalog: {catalog}\nbuilder: {builder}\ntoken: {token}\n"
    );

    let folder = home.join(".config/slipway");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("profile.yaml"), profile).unwrap();
}

fn slipway(fixture: &Fixture, home: &Path, arguments: &[&str]) -> Command {
    let mut command = fixture.stack.program("slipway");
    command.args(arguments).env("HOME", home);

    command
}

#[tokio::test]
async fn images_are_created_from_files_and_shown_as_json_and_yaml() {
    let Some(fixture) = shared().await else { return };
    let home = TempDir::new().unwrap();
    write_profile(&fixture, home.path());
    let run =
        |arguments: &[&str]| output_of(&mut slipway(&fixture, home.path(), arguments)).unwrap();
    let file = home.path().join("image.yaml");
    let create = ["image", "create", "--file", file.to_str().unwrap()];

    let request = format!(
        "owner: system\n\
         name: from-file\n\
         displayName: From a file\n\
         type: IMAGE_TYPE_CPU\n\
         existing:\n  \
           reference: {}\n",
        fixture.base
    );
    fs::write(&file, request).unwrap();
    let (code, text) = run(&create);
    assert_eq!(code, 0, "{text}");

    let (code, text) = run(&["--output", "json", "image", "get", "system/from-file"]);
    let image: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!((code, image["image"]["state"].as_str()), (0, Some("IMAGE_STATE_READY")));
    let (code, text) = run(&["--output", "yaml", "image", "list"]);
    assert!(code == 0 && text.contains("name: system/from-file"), "{text}");

    fs::write(&file, "owner: system\nunknownField: 1\n").unwrap();
    let (code, text) = run(&create);
    assert!(code == 2 && text.contains("unknownField"), "{code} {text}");
}

#[tokio::test]
async fn exit_code_tells_the_kind_of_failure() {
    let Some(fixture) = shared().await else { return };
    let home = TempDir::new().unwrap();
    write_profile(&fixture, home.path());
    let command = |arguments: &[&str]| slipway(&fixture, home.path(), arguments);
    let exit_code = |command: &mut Command| output_of(command).unwrap().0;

    assert_eq!(exit_code(&mut command(&["image", "get", "system/nothing"])), 3);
    assert_eq!(exit_code(&mut command(&["image", "nothing"])), 2);

    let mut list = command(&["image", "list"]);
    assert_eq!(exit_code(list.env("SLIPWAY_TOKEN", "garbage")), 4);
    let mut list = command(&["image", "list"]);
    assert_eq!(exit_code(list.env("SLIPWAY_CATALOG", "http://127.0.0.1:1")), 5);

    let (_, completions) = output_of(&mut command(&["completions", "bash"])).unwrap();
    assert!(completions.contains("_slipway"));
    let (_, manual) = output_of(&mut command(&["man"])).unwrap();
    assert!(manual.contains(".TH slipway"));
}

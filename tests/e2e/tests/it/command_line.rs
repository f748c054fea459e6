//! The command line: files, profile, output for programs, exit codes.

use std::fs;

use slipway_testrig::stack::said;
use tempfile::TempDir;

use crate::world::standalone;

#[tokio::test]
async fn what_programs_rely_on() {
    let Some(world) = standalone().await else { return };
    let home = TempDir::new().unwrap();
    let [permission, catalog, builder] = world.stack.environment().map(|(_, address)| address);
    let profile = format!(
        "permission: {permission}\ncatalog: {catalog}\nbuilder: {builder}\ntoken: {}\n",
        world.token("admin")
    );
    fs::create_dir_all(home.path().join(".config/slipway")).unwrap();
    fs::write(home.path().join(".config/slipway/profile.yaml"), profile).unwrap();
    let slipway = |arguments: &[&str]| {
        let mut command = world.stack.program("slipway");
        command.args(arguments).env("HOME", home.path());
        command
    };
    let run = |arguments: &[&str]| said(&mut slipway(arguments)).unwrap();

    let file = home.path().join("image.yaml");
    let base = &world.base;
    fs::write(&file, format!("owner: system\nname: from-file\ndisplayName: From a file\ntype: IMAGE_TYPE_CPU\nexisting:\n  reference: {base}\n"))
        .unwrap();
    let (code, text) = run(&["image", "create", "--file", &file.display().to_string()]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&["--output", "json", "image", "get", "system/from-file"]);
    let image: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!((code, image["image"]["state"].as_str()), (0, Some("IMAGE_STATE_READY")));
    let (code, text) = run(&["--output", "yaml", "image", "list"]);
    assert!(code == 0 && text.contains("name: system/from-file"), "{text}");

    fs::write(&file, "owner: system\nunknownField: 1\n").unwrap();
    let (code, text) = run(&["image", "create", "--file", &file.display().to_string()]);
    assert!(code == 2 && text.contains("unknownField"), "{code} {text}");

    assert_eq!(run(&["image", "get", "system/nothing"]).0, 3);
    assert_eq!(said(slipway(&["image", "list"]).env("SLIPWAY_TOKEN", "garbage")).unwrap().0, 4);
    assert_eq!(
        said(slipway(&["image", "list"]).env("SLIPWAY_CATALOG", "http://127.0.0.1:1")).unwrap().0,
        5
    );
    assert_eq!(run(&["image", "nothing"]).0, 2);
    assert!(run(&["completions", "bash"]).1.contains("_slipway"));
    assert!(run(&["man"]).1.contains(".TH slipway"));
}

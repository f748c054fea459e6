//! The configuration of a service: unknown keys and secrets.

use crate::single_service::SingleService;

#[tokio::test]
async fn unknown_and_invalid_keys_are_refused_by_name() {
    let Some(service) = SingleService::new() else { return };
    let variables = [("SLIPWAY_PERMISSION__DATABASE__NONSENSE", "3")];
    let (code, text) = service.run("config", &variables);
    assert!(code == 1 && text.contains("nonsense"), "{code} {text}");

    service.configure("[limits]\nnonsense = 1\n");
    for subcommand in ["config", "serve", "migrate", "health"] {
        let (code, text) = service.run_with_timeout(subcommand).await;
        assert!(code == Some(1) && text.contains("nonsense"), "{subcommand}: {code:?} {text}");
    }

    service.configure("[limits]\ncalls = 0\n");
    let (code, text) = service.run("migrate", &[]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = service.run_with_timeout("serve").await;
    assert!(code == Some(1) && text.contains("limits.calls"), "{code:?} {text}");
}

#[tokio::test]
async fn printed_configuration_has_no_secrets() {
    let Some(service) = SingleService::new() else { return };
    let url = "postgres://hunter2@db/x?password=hunter2";

    let (code, text) = service.run("config", &[("SLIPWAY_PERMISSION__DATABASE__URL", url)]);

    assert!(code == 0 && !text.contains("hunter2"), "{code} {text}");
    for shown in [
        "amqp://permission:***@127.0.0.1:1/slipway",
        "postgres://***@db/x?password=***",
        "keys/permission.pem",
    ] {
        assert!(text.contains(shown), "{shown} is not in:\n{text}");
    }
}

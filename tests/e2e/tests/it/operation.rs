//! A service's process as operators run it: migration, health, logs, shutdown.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction};
use slipway_database::Database;
use slipway_testrig::{
    call::reason,
    database::{connect, create_on_server},
    env,
    ports::listens,
};
use slipway_wire::{event::v1::WatchResponse, permission::v1::GetSelfRequest};
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::{
    fixture::{eventually, wait_until},
    single_service::{ServiceProcess, SingleService, TIMEOUT},
};

#[tokio::test]
async fn serve_refuses_a_database_that_is_not_migrated() {
    let Some(service) = SingleService::new() else { return };

    let (code, text) = service.run_with_timeout("serve").await;

    assert!(
        code == Some(1)
            && text.contains("m0001_permission")
            && text.contains("run `slipway-permission migrate`"),
        "{code:?} {text}"
    );
    service.serve(&[]).await;
}

#[tokio::test]
async fn health_reports_by_its_exit_code_whether_the_service_runs() {
    let Some(service) = SingleService::new() else { return };
    let (code, text) = service.run("health", &[]);
    assert!(code == 1 && text.contains("does not answer"), "{code} {text}");

    let _process = service.serve(&[]).await;

    eventually("the service is healthy without its broker", TIMEOUT, || {
        service.run("health", &[]) == (0, "SERVING\n".to_owned())
    })
    .await;
}

/// The complete lines of a log. The last line may still be incomplete.
fn log_lines(process: &ServiceProcess) -> Vec<serde_json::Value> {
    let log = process.log();
    let complete = log.rsplit_once('\n').map_or("", |(complete, _)| complete);

    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    complete.lines().map(parse).collect()
}

#[tokio::test]
async fn log_lines_are_json_and_carry_the_request_id() {
    let Some(service) = SingleService::new() else { return };
    let process = service.serve(&[]).await;
    let id = Uuid::now_v7().to_string();

    let mut request = service.request("admin", GetSelfRequest {});
    request.metadata_mut().insert("x-request-id", id.parse().unwrap());
    let response = service.users().get_self(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), id.as_str());

    let is_call = |line: &serde_json::Value| {
        line["message"] == "call answered" && line["span"]["request.id"] == id.as_str()
    };
    let line = wait_until(TIMEOUT, async || {
        let line = log_lines(&process).into_iter().find(is_call);
        line.ok_or_else(|| format!("the call is not in the log:\n{}", process.log()))
    })
    .await;
    assert_eq!(line["span"]["rpc.method"], "slipway.permission.v1.UserService/GetSelf", "{line}");
    assert_eq!(line["rpc.grpc_code"], "0", "{line}");
    assert_eq!(line["level"], "INFO", "{line}");
    assert!(line["rpc.took_ms"].is_u64() && line["timestamp"].is_string(), "{line}");
}

/// Locks the table of users. Calls that read users wait until the transaction ends.
async fn lock_users(database: &Database) -> DatabaseTransaction {
    let transaction = database.begin().await.unwrap();
    let lock = "lock table users in access exclusive mode";
    transaction.execute_unprepared(lock).await.unwrap();

    transaction
}

async fn wait_for_blocked_call(database: &Database) {
    let blocked = "
        select count(*) as blocked from pg_locks where relation = 'users'::regclass and not granted
        and database = (select oid from pg_database where datname = current_database())";

    wait_until(TIMEOUT, async || {
        let statement = database.statement(blocked);
        let row = database.reader().query_one_raw(statement).await.unwrap().unwrap();
        if row.try_get::<i64>("", "blocked").unwrap() == 0 {
            return Err("the call does not wait for the lock".to_owned());
        }
        Ok(())
    })
    .await;
}

/// Reads a stream to its end, which must be an error.
async fn stream_error(mut stream: Streaming<WatchResponse>) -> Status {
    let read = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without an error"),
                Err(status) => return status,
            }
        }
    };

    tokio::time::timeout(TIMEOUT, read).await.expect("the stream does not end")
}

#[tokio::test]
async fn terminated_service_completes_its_calls_and_accepts_no_more() {
    let Some(service) = SingleService::new() else { return };
    let Some(server) = env::server(env::POSTGRES) else { return };
    let url = create_on_server(&server).await;
    let variables = [("SLIPWAY_PERMISSION__DATABASE__URL", url.as_str())];
    let mut process = service.serve(&variables).await;
    service.get_self("admin").await.unwrap();
    let stream = service.watch("admin").await.unwrap();

    // The lock holds a call back until the test releases it.
    let database = connect(&url).await;
    let lock = lock_users(&database).await;
    let request = service.request("admin", GetSelfRequest {});
    let mut users = service.users();
    let call = tokio::spawn(async move { users.get_self(request).await });
    wait_for_blocked_call(&database).await;

    process.terminate();
    eventually("the service stops listening", TIMEOUT, || !listens(service.port)).await;
    assert!(process.is_running(), "the process ended before its call");
    let status = service.get_self("admin").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let status = stream_error(stream).await;
    assert_eq!(reason(&status), "SHUTTING_DOWN", "{status:?}");
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");

    lock.rollback().await.unwrap();
    call.await.unwrap().expect("the started call is completed");
    assert_eq!(process.exit_code().await, Some(0), "{}", process.log());
    assert!(!process.log().contains("tasks did not stop in time"), "{}", process.log());
}

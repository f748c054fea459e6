//! Who may call what: every RPC of the three services, called by every kind of caller.

mod call;
mod callers;
mod requests;
mod setup;

use std::{collections::BTreeSet, fmt::Write as _};

use tonic::{Code, Status};

use crate::{
    authorization::{
        call::{Method, methods},
        requests::call,
        setup::{Setup, set_up},
    },
    fixture::standalone,
};

/// A row is an RPC, with the object of the call behind a colon where there are several. A column is
/// a caller of `callers.rs`. A cell is `ok` or the refusal's reason; `no-image` stands for
/// IMAGE_NOT_FOUND.
///
/// The image is `vision/shown`, and the builds are of `vision/built` and `vision/cancelled`;
/// `reader`, `writer` and `manager` have grants on them. `member` and `group-admin` belong to the
/// group `vision`, which owns them.
const MATRIX: &str = "
                                  nobody    stranger      reader        writer        manager       member        group-admin       platform-reader   platform-manager  permission    catalog       builder       catalog-for-stranger
UserService/GetSelf               no-token  ok            ok            ok            ok            ok            ok                ok                ok                no-token      no-token      no-token      ok
UserService/GetUser               no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      ok                ok                no-token      no-token      no-token      role-missing
UserService/ListUsers             no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      ok                ok                no-token      no-token      no-token      role-missing
UserService/InviteUser            no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      role-missing      ok                no-token      no-token      no-token      role-missing

GroupService/CreateGroup          no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      role-missing      ok                no-token      no-token      no-token      role-missing
GroupService/GetGroup             no-token  no-group      no-group      no-group      no-group      ok            ok                ok                ok                no-token      no-token      no-token      no-group
GroupService/GetGroup:absent      no-token  no-group      no-group      no-group      no-group      no-group      no-group          no-group          no-group          no-token      no-token      no-token      no-group
GroupService/ListGroups           no-token  ok            ok            ok            ok            ok            ok                ok                ok                no-token      no-token      no-token      ok
GroupService/ListMembers          no-token  no-group      no-group      no-group      no-group      ok            ok                ok                ok                no-token      no-token      no-token      no-group
GroupService/AddMember            no-token  no-group      no-group      no-group      no-group      role-missing  ok                role-missing      ok                no-token      no-token      no-token      no-group
GroupService/RemoveMember         no-token  no-group      no-group      no-group      no-group      role-missing  ok                role-missing      ok                no-token      no-token      no-token      no-group

GrantService/CreateGrant:group    no-token  no-object     no-object     no-object     no-object     role-missing  ok                role-missing      ok                no-token      no-token      no-token      no-object
GrantService/CreateGrant:image    no-token  no-object     role-missing  role-missing  ok            no-object     ok                role-missing      ok                no-token      no-token      no-token      no-object
GrantService/ListGrants:group     no-token  no-object     no-object     no-object     no-object     role-missing  ok                role-missing      ok                no-token      no-token      no-token      no-object
GrantService/ListGrants:image     no-token  no-object     role-missing  role-missing  ok            no-object     ok                role-missing      ok                no-token      no-token      no-token      no-object
GrantService/DeleteGrant:group    no-token  no-grant      no-grant      no-grant      no-grant      no-grant      ok                no-grant          ok                no-token      no-token      no-token      no-grant
GrantService/DeleteGrant:image    no-token  no-grant      no-grant      no-grant      ok            no-grant      ok                no-grant          ok                no-token      no-token      no-token      no-grant
GrantService/DeleteGrant:absent   no-token  no-grant      no-grant      no-grant      no-grant      no-grant      no-grant          no-grant          no-grant          no-token      no-token      no-token      no-grant
GrantService/DeleteGrant:registered  no-token  no-grant   no-grant      no-grant      no-grant      no-grant      grant-registered  no-grant          grant-registered  no-token      no-token      no-token      no-grant
GrantService/WatchGrants          no-token  service-only  service-only  service-only  service-only  service-only  service-only      service-only      service-only      service-only  ok            ok            ok

ObjectService/RegisterObject      no-token  service-only  service-only  service-only  service-only  service-only  service-only      service-only      service-only      service-only  ok            service-only  ok
ObjectService/RemoveObject        no-token  service-only  service-only  service-only  service-only  service-only  service-only      service-only      service-only      service-only  ok            service-only  ok

PermissionService/Check:self      no-token  ok            ok            ok            ok            ok            ok                ok                ok                no-token      no-token      no-token      ok
PermissionService/Check:other     no-token  service-only  service-only  service-only  service-only  service-only  service-only      service-only      service-only      service-only  ok            ok            ok
PermissionService/BatchCheck:self   no-token  ok          ok            ok            ok            ok            ok                ok                ok                no-token      no-token      no-token      ok
PermissionService/BatchCheck:other  no-token  service-only  service-only  service-only  service-only  service-only  service-only    service-only      service-only      service-only  ok            ok            ok

EventService/Watch:permission     no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      ok                ok                no-token      no-token      no-token      role-missing
EventService/Watch:catalog        no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      ok                ok                no-token      no-token      no-token      role-missing
EventService/Watch:builder        no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      ok                ok                no-token      no-token      no-token      role-missing

ImageService/CreateImage:system   no-token  role-missing  role-missing  role-missing  role-missing  role-missing  role-missing      role-missing      ok                no-token      no-token      no-token      role-missing
ImageService/CreateImage:group    no-token  no-group      no-group      no-group      no-group      role-missing  ok                role-missing      ok                no-token      no-token      no-token      no-group
ImageService/GetImage             no-token  no-image      ok            ok            ok            no-image      ok                ok                ok                no-token      no-token      no-token      no-image
ImageService/GetImage:absent      no-token  no-image      no-image      no-image      no-image      no-image      no-image          no-image          no-image          no-token      no-token      no-token      no-image
ImageService/ListImages           no-token  ok            ok            ok            ok            ok            ok                ok                ok                no-token      no-token      no-token      ok
ImageService/ListRevisions        no-token  no-image      ok            ok            ok            no-image      ok                ok                ok                no-token      no-token      no-token      no-image
ImageService/ResolveImage         no-token  no-image      ok            ok            ok            no-image      ok                ok                ok                no-token      no-token      no-token      no-image
ImageService/CreateRevision       no-token  no-image      role-missing  ok            ok            no-image      ok                role-missing      ok                no-token      no-token      no-token      no-image
ImageService/RetryRevision        no-token  no-image      role-missing  ok            ok            no-image      ok                role-missing      ok                no-token      no-token      no-token      no-image
ImageService/SetImageAccess       no-token  no-image      role-missing  role-missing  ok            no-image      ok                role-missing      ok                no-token      no-token      no-token      no-image

BuildRequestService/GetBuildRequest  no-token  service-only  service-only  service-only  service-only  service-only  service-only   service-only      service-only      service-only  service-only  ok            service-only

BuildService/GetBuild             no-token  no-build      ok            ok            ok            no-build      ok                ok                ok                no-token      no-token      no-token      no-build
BuildService/GetBuild:absent      no-token  no-build      no-build      no-build      no-build      no-build      no-build          no-build          no-build          no-token      no-token      no-token      no-build
BuildService/ListBuilds           no-token  ok            ok            ok            ok            ok            ok                ok                ok                no-token      no-token      no-token      ok
BuildService/WatchBuild           no-token  no-build      ok            ok            ok            no-build      ok                ok                ok                no-token      no-token      no-token      no-build
BuildService/StreamBuildLogs      no-token  no-build      role-missing  ok            ok            no-build      ok                role-missing      ok                no-token      no-token      no-token      no-build
BuildService/CancelBuild          no-token  no-build      role-missing  ok            ok            no-build      ok                role-missing      ok                no-token      no-token      no-token      no-build
";

/// The columns of [`MATRIX`].
fn callers() -> Vec<&'static str> {
    let header = MATRIX.lines().find(|line| !line.is_empty());
    header.unwrap().split_whitespace().collect()
}

/// The rows of [`MATRIX`], each with its cells.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = MATRIX.lines().filter(|line| !line.is_empty()).skip(1);
    let rows = lines.map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap(), words.collect())
    });

    rows.collect()
}

/// The RPC of a row, without its object.
fn rpc(row: &str) -> &str {
    row.split(':').next().unwrap()
}

#[test]
fn matrix_has_a_row_for_every_rpc() {
    let published: BTreeSet<String> = methods().into_iter().map(|method| method.name).collect();
    let listed: BTreeSet<String> = rows().iter().map(|(row, _)| rpc(row).to_owned()).collect();

    assert_eq!(listed, published);
}

#[tokio::test]
async fn every_caller_gets_the_results_of_the_matrix() {
    let Some(fixture) = standalone().await else { return };
    let setup = set_up(&fixture).await;
    let methods = methods();

    let mut differences = String::new();
    for (row, want) in rows() {
        let method = methods.iter().find(|method| method.name == rpc(row)).unwrap();
        let results = results(&setup, method, row).await;

        if results != want {
            for ((caller, got), want) in callers().iter().zip(&results).zip(&want) {
                if got != want {
                    writeln!(differences, "{row} by {caller}: {got} instead of {want}").unwrap();
                }
            }
        }
    }

    assert!(differences.is_empty(), "{differences}");
}

/// The cells of a row.
async fn results(setup: &Setup<'_>, method: &Method, row: &str) -> Vec<String> {
    let mut results = Vec::new();
    for caller in callers() {
        results.push(cell(call(setup, method, row, caller).await));
    }

    results
}

/// The cell for a result: `ok`, or the reason of the refusal.
///
/// # Panics
/// If the gRPC code does not fit the reason.
fn cell(result: Result<(), Status>) -> String {
    let Err(status) = result else { return "ok".to_owned() };
    let reason = slipway_testrig::call::reason(&status);

    let is_not_found = reason.ends_with("_NOT_FOUND");
    let code = match reason.as_str() {
        "TOKEN_MISSING" => Code::Unauthenticated,
        "ROLE_MISSING" | "SERVICE_ONLY" => Code::PermissionDenied,
        _ if is_not_found => Code::NotFound,
        _ => Code::FailedPrecondition,
    };
    assert_eq!(status.code(), code, "{status:?}");

    match reason.as_str() {
        "TOKEN_MISSING" => "no-token".to_owned(),
        _ if is_not_found => format!("no-{}", reason.trim_end_matches("_NOT_FOUND").to_lowercase()),
        _ => reason.to_lowercase().replace('_', "-"),
    }
}

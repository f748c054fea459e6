//! The service over an empty database, and calling it with real tokens.

use std::{fmt::Debug, time::Duration};

use sea_orm::{ConnectionTrait as _, Statement};
use sea_orm_migration::MigratorTrait as _;
use slipway_database::Database;
use slipway_fault::{Fault, Reason};
use slipway_identity::{
    AUDIENCE, Caller, DEVELOPMENT_ISSUER, DevelopmentIssuer, Issuer, ServiceName, ServiceSigner,
    SigningKey, Verifier,
};
use slipway_outbox::Wake;
use slipway_permission::{
    api,
    app::App,
    store::{Migrator, Store},
};
use slipway_testrig::env;
use slipway_wire::{
    event::v1::event_service_client::EventServiceClient,
    permission::v1::{
        AddMemberRequest, CheckRequest, CreateGrantRequest, CreateGroupRequest, GetSelfRequest,
        GetSelfResponse, Grant, ListGrantsRequest, ObjectKind, ObjectReference, Role, Subject,
        SubjectKind, User, grant_service_client::GrantServiceClient,
        group_service_client::GroupServiceClient, object_service_client::ObjectServiceClient,
        permission_service_client::PermissionServiceClient, user_service_client::UserServiceClient,
    },
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

/// The service, and what must live as long. `admin` manages the platform.
pub(crate) struct World {
    pub(crate) app: App,
    routes: Routes,
    verifier: Verifier,
    people: DevelopmentIssuer,
    catalog: ServiceSigner,
    _folder: TempDir,
}

pub(crate) async fn sqlite() -> World {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("permission.sqlite").display());
    world(url, folder).await
}

pub(crate) async fn postgres() -> Option<World> {
    let server = env::server(env::POSTGRES)?;
    let name = format!("permission_{}", Uuid::now_v7().simple());
    let admin =
        Database::connect(&slipway_database::Settings { url: server.clone(), connections: 1 })
            .await
            .unwrap();
    admin
        .writer()
        .execute_raw(Statement::from_string(
            sea_orm::DbBackend::Postgres,
            format!("create database {name}"),
        ))
        .await
        .unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    Some(world(url, TempDir::new().unwrap()).await)
}

async fn world(url: String, folder: TempDir) -> World {
    let database =
        Database::connect(&slipway_database::Settings { url, connections: 8 }).await.unwrap();
    Migrator::up(database.writer(), None).await.unwrap();
    let app = App::new(Store::new(database, Wake::default()), vec![DEVELOPMENT_ISSUER.to_owned()]);
    app.bootstrap(&[(DEVELOPMENT_ISSUER.to_owned(), "admin".to_owned())]).await.unwrap();

    let key = |name: &str| {
        SigningKey::read_or_create(&folder.path().join(format!("{name}.pem")), name).unwrap()
    };
    let (people, catalog) = (key("people"), key("catalog"));
    let publish = |name: &str, key: &SigningKey| {
        let path = folder.path().join(format!("{name}.json"));
        std::fs::write(&path, serde_json::json!({ "keys": [key.jwk()] }).to_string()).unwrap();
        path
    };
    let issuer = Issuer {
        issuer: DEVELOPMENT_ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks_url: String::new(),
        jwks_file: publish("people", &people),
    };
    let verifier = Verifier::new(slipway_identity::Settings {
        issuers: vec![issuer],
        service_jwks_file: publish("services", &catalog),
        service_key_file: folder.path().join("catalog.pem"),
    });
    verifier.refresh().await.unwrap();
    World {
        routes: api::routes(app.clone(), CancellationToken::new()),
        app,
        verifier,
        people: DevelopmentIssuer::new(people),
        catalog: ServiceSigner::new(ServiceName::Catalog, catalog),
        _folder: folder,
    }
}

impl World {
    pub(crate) fn users(&self) -> UserServiceClient<Routes> {
        UserServiceClient::new(self.routes.clone())
    }

    pub(crate) fn groups(&self) -> GroupServiceClient<Routes> {
        GroupServiceClient::new(self.routes.clone())
    }

    pub(crate) fn grants(&self) -> GrantServiceClient<Routes> {
        GrantServiceClient::new(self.routes.clone())
    }

    pub(crate) fn objects(&self) -> ObjectServiceClient<Routes> {
        ObjectServiceClient::new(self.routes.clone())
    }

    pub(crate) fn checks(&self) -> PermissionServiceClient<Routes> {
        PermissionServiceClient::new(self.routes.clone())
    }

    pub(crate) fn events(&self) -> EventServiceClient<Routes> {
        EventServiceClient::new(self.routes.clone())
    }

    pub(crate) async fn caller(&self, subject: &str) -> Caller {
        let token = self.people.token(subject, AUDIENCE, Duration::from_secs(600)).unwrap();
        self.verifier.verify(&token, None).await.unwrap()
    }

    /// A request of this user.
    pub(crate) async fn call<T>(&self, subject: &str, message: T) -> Request<T> {
        made_by(self.caller(subject).await, message)
    }

    /// A request of the catalog, on nobody's behalf.
    pub(crate) async fn service_call<T>(&self, message: T) -> Request<T> {
        made_by(self.verifier.verify(&self.catalog.token().unwrap(), None).await.unwrap(), message)
    }

    pub(crate) async fn self_of(&self, subject: &str) -> GetSelfResponse {
        self.users()
            .get_self(self.call(subject, GetSelfRequest {}).await)
            .await
            .unwrap()
            .into_inner()
    }

    /// The user, seen from now on.
    pub(crate) async fn user(&self, subject: &str) -> User {
        self.self_of(subject).await.user.unwrap()
    }

    /// A group with these members; an admin is marked by a `!` in front. Its id.
    pub(crate) async fn group(&self, name: &str, members: &[&str]) -> String {
        let request = CreateGroupRequest { name: name.to_owned(), ..Default::default() };
        let group = self
            .groups()
            .create_group(self.call("admin", request).await)
            .await
            .unwrap()
            .into_inner()
            .group
            .unwrap();
        for member in members {
            let subject = member.trim_start_matches('!');
            let user_id = self.user(subject).await.id;
            let request =
                AddMemberRequest { group: name.to_owned(), user_id, admin: subject != *member };
            self.groups().add_member(self.call("admin", request).await).await.unwrap();
        }
        group.id
    }

    /// Gives a grant as this user.
    pub(crate) async fn give(&self, giver: &str, grant: Grant) -> Result<Grant, Status> {
        let request = CreateGrantRequest { grant: Some(grant), request_id: String::new() };
        self.grants()
            .create_grant(self.call(giver, request).await)
            .await
            .map(|response| response.into_inner().grant.unwrap())
    }

    /// All grants of an object, as the platform's admin sees them.
    pub(crate) async fn grants_on(&self, object: ObjectReference) -> Vec<Grant> {
        let request = ListGrantsRequest { object: Some(object), ..Default::default() };
        self.grants()
            .list_grants(self.call("admin", request).await)
            .await
            .unwrap()
            .into_inner()
            .grants
    }

    /// Whether the user has the role on the object.
    pub(crate) async fn may(&self, subject: &str, role: Role, object: ObjectReference) -> bool {
        let request =
            CheckRequest { user_id: String::new(), object: Some(object), role: role.into() };
        self.checks().check(self.call(subject, request).await).await.unwrap().into_inner().allowed
    }

    /// Kinds of the events about a subject, in order.
    pub(crate) async fn events_about(&self, subject: &str) -> Vec<String> {
        let database = self.app.store().database();
        let sql = "select kind from outbox where subject = $1 order by sequence";
        let rows = database
            .reader()
            .query_all_raw(database.statement(sql, [subject.into()]))
            .await
            .unwrap();
        rows.iter().map(|row| row.try_get::<String>("", "kind").unwrap()).collect()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.app.store().database().writer().execute_unprepared(sql).await.unwrap();
    }
}

/// As if the identity layer had let this caller in.
pub(crate) fn made_by<T>(caller: Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller);
    request
}

pub(crate) fn object(kind: ObjectKind, id: &str) -> ObjectReference {
    ObjectReference { kind: kind.into(), id: id.to_owned() }
}

pub(crate) fn subject(kind: SubjectKind, id: &str) -> Subject {
    Subject { kind: kind.into(), id: id.to_owned() }
}

/// A grant without an end.
pub(crate) fn grant(object: ObjectReference, role: Role, subject: Subject) -> Grant {
    Grant { object: Some(object), subject: Some(subject), role: role.into(), ..Default::default() }
}

/// Why a call was refused.
pub(crate) fn refused<T: Debug>(result: Result<Response<T>, Status>) -> Fault {
    Fault::from(result.expect_err("a refusal"))
}

pub(crate) fn reason<T: Debug>(result: Result<Response<T>, Status>) -> Reason {
    refused(result).reason()
}

/// Names of the fields that a refusal complains about.
pub(crate) fn fields(fault: &Fault) -> Vec<&str> {
    fault.violations().iter().map(|violation| violation.field.as_str()).collect()
}

//! The service with an empty database, called in the process with real tokens.

use std::{fmt::Debug, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm_migration::MigratorTrait as _;
use slipway_fault::{Fault, Reason};
use slipway_identity::{Caller, DEVELOPMENT_ISSUER, ServiceName};
use slipway_outbox::Wake;
use slipway_permission::{
    api,
    app::App,
    domain::user::Claims,
    store::{Migrator, Store},
    wire_up::event_log,
};
use slipway_testrig::{
    call::with_caller,
    database::{self, TestDatabase},
    identity::Callers,
};
use slipway_wire::{
    event::v1::event_service_client::EventServiceClient,
    permission::v1::{
        AddMemberRequest, CheckRequest, CreateGrantRequest, CreateGroupRequest, DeleteGrantRequest,
        GetSelfRequest, GetSelfResponse, Grant, ListGrantsRequest, ObjectKind, ObjectReference,
        Role, Subject, SubjectKind, User, grant_service_client::GrantServiceClient,
        group_service_client::GroupServiceClient, object_service_client::ObjectServiceClient,
        permission_service_client::PermissionServiceClient, user_service_client::UserServiceClient,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, service::Routes};

/// The service. The user `admin` is its only platform admin.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) store: Store,
    routes: Routes,
    callers: Callers,
    pub(crate) database: TestDatabase,
}

pub(crate) async fn fixture(database: TestDatabase) -> Fixture {
    Migrator::up(database.database.writer(), None).await.unwrap();

    let store = Store::new(database.database.clone(), Wake::default());
    let app = App::new(store.clone(), vec![DEVELOPMENT_ISSUER.to_owned()]);
    app.bootstrap(&[claims("admin")]).await.unwrap();

    let stop = CancellationToken::new();
    let events = event_log(database.database.clone(), app.clone(), stop.clone());
    Fixture {
        routes: api::routes(app.clone(), events, stop),
        app,
        store,
        callers: Callers::new().await,
        database,
    }
}

impl Fixture {
    pub(crate) fn user_service(&self) -> UserServiceClient<Routes> {
        UserServiceClient::new(self.routes.clone())
    }

    pub(crate) fn group_service(&self) -> GroupServiceClient<Routes> {
        GroupServiceClient::new(self.routes.clone())
    }

    pub(crate) fn grant_service(&self) -> GrantServiceClient<Routes> {
        GrantServiceClient::new(self.routes.clone())
    }

    pub(crate) fn object_service(&self) -> ObjectServiceClient<Routes> {
        ObjectServiceClient::new(self.routes.clone())
    }

    pub(crate) fn permission_service(&self) -> PermissionServiceClient<Routes> {
        PermissionServiceClient::new(self.routes.clone())
    }

    pub(crate) fn event_service(&self) -> EventServiceClient<Routes> {
        EventServiceClient::new(self.routes.clone())
    }

    pub(crate) async fn caller(&self, subject: &str) -> Caller {
        self.callers.user(subject).await
    }

    /// A request of this user.
    pub(crate) async fn call<T>(&self, subject: &str, message: T) -> Request<T> {
        with_caller(self.caller(subject).await, message)
    }

    /// A request of the catalog, without a user.
    pub(crate) async fn service_call<T>(&self, message: T) -> Request<T> {
        with_caller(self.callers.service(ServiceName::Catalog).await, message)
    }

    pub(crate) async fn get_self(&self, subject: &str) -> GetSelfResponse {
        let request = self.call(subject, GetSelfRequest {}).await;

        self.user_service().get_self(request).await.unwrap().into_inner()
    }

    /// The user, after its first call.
    pub(crate) async fn user(&self, subject: &str) -> User {
        self.get_self(subject).await.user.unwrap()
    }

    /// Creates a group and returns its id. A `!` before a member's subject makes the member an
    /// admin.
    pub(crate) async fn create_group(&self, name: &str, members: &[&str]) -> String {
        let request = CreateGroupRequest { name: name.to_owned(), ..Default::default() };
        let request = self.call("admin", request).await;
        let response = self.group_service().create_group(request).await.unwrap();

        for member in members {
            let subject = member.trim_start_matches('!');
            let request = AddMemberRequest {
                group: name.to_owned(),
                user_id: self.user(subject).await.id,
                admin: subject != *member,
            };
            let request = self.call("admin", request).await;
            self.group_service().add_member(request).await.unwrap();
        }

        response.into_inner().group.unwrap().id
    }

    /// Creates a grant as this user.
    pub(crate) async fn create_grant(&self, caller: &str, grant: Grant) -> Result<Grant, Status> {
        let request = CreateGrantRequest { grant: Some(grant), request_id: String::new() };
        let request = self.call(caller, request).await;
        let response = self.grant_service().create_grant(request).await?;

        Ok(response.into_inner().grant.unwrap())
    }

    /// Deletes a grant as this user.
    pub(crate) async fn delete_grant(&self, caller: &str, id: &str) -> Result<(), Status> {
        let request = self.call(caller, DeleteGrantRequest { grant_id: id.to_owned() }).await;

        self.grant_service().delete_grant(request).await.map(|_| ())
    }

    /// All grants of an object, as the platform admin sees them.
    pub(crate) async fn grants_of(&self, object: ObjectReference) -> Vec<Grant> {
        let request = ListGrantsRequest { object: Some(object), ..Default::default() };
        let request = self.call("admin", request).await;

        self.grant_service().list_grants(request).await.unwrap().into_inner().grants
    }

    pub(crate) async fn has_role(
        &self,
        subject: &str,
        role: Role,
        object: ObjectReference,
    ) -> bool {
        let request =
            CheckRequest { user_id: String::new(), object: Some(object), role: role.into() };
        let request = self.call(subject, request).await;

        self.permission_service().check(request).await.unwrap().into_inner().allowed
    }

    /// Types of the events with this subject, in order.
    pub(crate) async fn event_types(&self, subject: &str) -> Vec<String> {
        let sql = format!(
            "select event_type as row from outbox where subject = '{subject}' order by sequence"
        );
        database::rows(&self.database.database, &sql).await
    }

    /// An expiry in one hour.
    pub(crate) async fn in_one_hour(&self) -> DateTime<Utc> {
        let database = &self.database.database;
        let now = database.now(database.reader()).await.unwrap();

        (now + Duration::from_secs(3_600)).into()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        database::execute(&self.database.database, sql).await;
    }
}

/// The claims of tokens of this user.
pub(crate) fn claims(subject: &str) -> Claims {
    Claims { issuer: DEVELOPMENT_ISSUER.to_owned(), subject: subject.to_owned() }
}

pub(crate) fn object(kind: ObjectKind, id: &str) -> ObjectReference {
    ObjectReference { kind: kind.into(), id: id.to_owned() }
}

pub(crate) fn platform() -> ObjectReference {
    object(ObjectKind::Platform, "")
}

pub(crate) fn subject(kind: SubjectKind, id: &str) -> Subject {
    Subject { kind: kind.into(), id: id.to_owned() }
}

pub(crate) fn user_subject(id: &str) -> Subject {
    subject(SubjectKind::User, id)
}

pub(crate) fn everyone() -> Subject {
    subject(SubjectKind::Everyone, "")
}

/// A grant that does not expire.
pub(crate) fn grant(object: ObjectReference, role: Role, subject: Subject) -> Grant {
    Grant { object: Some(object), subject: Some(subject), role: role.into(), ..Default::default() }
}

/// The fault of a refused call.
pub(crate) fn refused<T: Debug>(result: Result<T, Status>) -> Fault {
    Fault::from(result.expect_err("the call is refused"))
}

pub(crate) fn reason<T: Debug>(result: Result<T, Status>) -> Reason {
    refused(result).reason()
}

/// The invalid fields that a fault names.
pub(crate) fn fields(fault: &Fault) -> Vec<&str> {
    fault.violations().iter().map(|violation| violation.field.as_str()).collect()
}

/// Checks that both faults have the reason and, apart from the names of the objects, the same
/// message and fields.
#[track_caller]
pub(crate) fn assert_same_fault(invisible: (&Fault, &str), absent: (&Fault, &str), want: Reason) {
    let (invisible_fault, invisible_name) = invisible;
    let (absent_fault, absent_name) = absent;

    assert_eq!(invisible_fault.reason(), want);
    assert_eq!(absent_fault.reason(), want);
    assert_eq!(fields(invisible_fault), fields(absent_fault));
    assert_eq!(
        invisible_fault.message().replace(invisible_name, "it"),
        absent_fault.message().replace(absent_name, "it")
    );
}

//! The gRPC client.

use async_trait::async_trait;
use slipway_daemon::client::{Outgoing, answer};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::ObjectId,
};
use slipway_wire::permission::v1 as wire;
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use wire::{
    object_service_client::ObjectServiceClient, permission_service_client::PermissionServiceClient,
};

use crate::{Authorizer, Decision, ObjectQuery, Registration};

/// Asks the permission service.
#[derive(Debug, Clone)]
pub struct GrpcAuthorizer {
    permission: PermissionServiceClient<Channel>,
    objects: ObjectServiceClient<Channel>,
    health: HealthClient<Channel>,
    outgoing: Outgoing,
}

impl GrpcAuthorizer {
    /// Over a lazy channel.
    pub fn new(channel: Channel, outgoing: Outgoing) -> Self {
        Self {
            permission: PermissionServiceClient::new(channel.clone()),
            objects: ObjectServiceClient::new(channel.clone()),
            health: HealthClient::new(channel),
            outgoing,
        }
    }

    async fn ask(
        &self,
        message: wire::CheckRequest,
        on_behalf_of: Option<&Caller>,
    ) -> Result<Decision, Fault> {
        // A read: safe to ask again once, which a connection that broke meanwhile needs.
        let mut result = self
            .permission
            .clone()
            .check(self.outgoing.request(message.clone(), on_behalf_of)?)
            .await;
        if result.as_ref().is_err_and(|status| status.code() == tonic::Code::Unavailable) {
            result =
                self.permission.clone().check(self.outgoing.request(message, on_behalf_of)?).await;
        }
        let response = permission_answer(result)?;
        Ok(Decision {
            allowed: response.allowed,
            visible: response.visible,
            object: response.object_id.parse().ok(),
            name: response.object_name,
            revision: response.revision,
        })
    }
}

#[async_trait]
impl Authorizer for GrpcAuthorizer {
    async fn check(
        &self,
        caller: &Caller,
        object: ObjectQuery,
        role: Role,
    ) -> Result<Decision, Fault> {
        self.ask(
            wire::CheckRequest {
                user_id: String::new(),
                object: Some(reference(object)),
                role: role_to_wire(role).into(),
            },
            Some(caller),
        )
        .await
    }

    async fn register(&self, registration: Registration) -> Result<i64, Fault> {
        let grants = registration.grants.into_iter().map(|(subject, role)| wire::GrantTemplate {
            subject: Some(wire::Subject {
                kind: subject_to_wire(subject.kind).into(),
                id: subject.id,
            }),
            role: role_to_wire(role).into(),
        });
        let message = wire::RegisterObjectRequest {
            object_id: registration.object.to_string(),
            kind: kind_to_wire(registration.kind).into(),
            owner_group_id: registration.owner.map(|owner| owner.to_string()).unwrap_or_default(),
            grants: grants.collect(),
        };
        Ok(permission_answer(
            self.objects.clone().register_object(self.outgoing.request(message, None)?).await,
        )?
        .revision)
    }

    async fn remove(&self, object: ObjectId) -> Result<i64, Fault> {
        let message = wire::RemoveObjectRequest { object_id: object.to_string() };
        Ok(permission_answer(
            self.objects.clone().remove_object(self.outgoing.request(message, None)?).await,
        )?
        .revision)
    }

    async fn ping(&self) -> Result<(), Fault> {
        let request = HealthCheckRequest { service: "dependency.database".to_owned() };
        let response = permission_answer(
            self.health.clone().check(self.outgoing.request(request, None)?).await,
        )?;
        match response.status() {
            ServingStatus::Serving => Ok(()),
            _ => Err(Fault::new(
                Reason::PermissionUnavailable,
                "the permission service has no database",
            )),
        }
    }
}

fn permission_answer<T>(result: Result<tonic::Response<T>, tonic::Status>) -> Result<T, Fault> {
    answer(result, Reason::PermissionUnavailable, "permission")
}

fn reference(object: ObjectQuery) -> wire::ObjectReference {
    match object {
        ObjectQuery::Platform => wire::ObjectReference {
            kind: kind_to_wire(ObjectKind::Platform).into(),
            id: String::new(),
        },
        ObjectQuery::Group(id) => {
            wire::ObjectReference { kind: kind_to_wire(ObjectKind::Group).into(), id }
        }
        ObjectQuery::Id(kind, id) => {
            wire::ObjectReference { kind: kind_to_wire(kind).into(), id: id.to_string() }
        }
    }
}

fn role_to_wire(role: Role) -> wire::Role {
    match role {
        Role::Reader => wire::Role::Reader,
        Role::Writer => wire::Role::Writer,
        Role::Manager => wire::Role::Manager,
    }
}

fn subject_to_wire(kind: SubjectKind) -> wire::SubjectKind {
    match kind {
        SubjectKind::User => wire::SubjectKind::User,
        SubjectKind::Group => wire::SubjectKind::Group,
        SubjectKind::GroupAdmins => wire::SubjectKind::GroupAdmins,
        SubjectKind::Everyone => wire::SubjectKind::Everyone,
    }
}

fn kind_to_wire(kind: ObjectKind) -> wire::ObjectKind {
    match kind {
        ObjectKind::Platform => wire::ObjectKind::Platform,
        ObjectKind::Group => wire::ObjectKind::Group,
        ObjectKind::Image => wire::ObjectKind::Image,
    }
}

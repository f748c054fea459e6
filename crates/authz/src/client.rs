//! The gRPC client of the port.

use async_trait::async_trait;
use slipway_daemon::client::{ServiceCall, into_result};
use slipway_fault::{Fault, Kind, Reason};
use slipway_identity::Caller;
use slipway_names::{id::ObjectId, unit::PolicyVersion};
use slipway_wire::permission::v1 as wire;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use wire::{
    object_service_client::ObjectServiceClient, permission_service_client::PermissionServiceClient,
};

use crate::{
    check::{Authorizer, Decision, ObjectQuery, Registered, Registration},
    object::ObjectKind,
    role::Role,
};

/// Calls the permission service by gRPC.
#[derive(Debug, Clone)]
pub struct GrpcAuthorizer {
    permission: PermissionServiceClient<Channel>,
    objects: ObjectServiceClient<Channel>,
    health: HealthClient<Channel>,
    service_call: ServiceCall,
}

impl GrpcAuthorizer {
    /// `channel` is a lazy channel to permission.
    pub fn new(channel: Channel, service_call: ServiceCall) -> Self {
        Self {
            permission: PermissionServiceClient::new(channel.clone()),
            objects: ObjectServiceClient::new(channel.clone()),
            health: HealthClient::new(channel),
            service_call,
        }
    }

    /// Checks once more when the connection breaks; a check changes nothing, so this is safe.
    async fn check_with_retry(
        &self,
        message: wire::CheckRequest,
        on_behalf_of: &Caller,
    ) -> Result<wire::CheckResponse, Fault> {
        let mut permission = self.permission.clone();

        let request = self.service_call.request(message.clone(), Some(on_behalf_of))?;
        let mut result = permission.check(request).await;

        if result.as_ref().is_err_and(|status| status.code() == Code::Unavailable) {
            let request = self.service_call.request(message, Some(on_behalf_of))?;
            result = permission.check(request).await;
        }

        permission_result(result)
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
        let message = wire::CheckRequest {
            user_id: String::new(),
            object: Some(object_to_wire(object)),
            role: wire::Role::from(role).into(),
        };
        let response = self.check_with_retry(message, caller).await?;

        Ok(Decision {
            allowed: response.allowed,
            visible: response.visible,
            object: response.object_id.parse().ok(),
            name: response.object_name,
            policy_version: policy_version(response.policy_version)?,
        })
    }

    async fn register(&self, registration: Registration) -> Result<Registered, Fault> {
        let grants = registration.grants.into_iter().map(|(subject, role)| wire::GrantTemplate {
            subject: Some(wire::Subject {
                kind: wire::SubjectKind::from(subject.kind).into(),
                id: subject.id,
            }),
            role: wire::Role::from(role).into(),
        });
        let message = wire::RegisterObjectRequest {
            object_id: registration.object.to_string(),
            kind: wire::ObjectKind::from(registration.kind).into(),
            owner_group_id: registration.owner.map(|owner| owner.to_string()).unwrap_or_default(),
            grants: grants.collect(),
        };

        let request = self.service_call.request(message, None)?;
        match permission_result(self.objects.clone().register_object(request).await) {
            Ok(response) => Ok(Registered::At(policy_version(response.policy_version)?)),
            Err(fault) if is_refusal(&fault) => Ok(Registered::Refused(fault)),
            Err(fault) => Err(fault),
        }
    }

    async fn remove(&self, object: ObjectId) -> Result<PolicyVersion, Fault> {
        let message = wire::RemoveObjectRequest { object_id: object.to_string() };

        let request = self.service_call.request(message, None)?;
        let response = permission_result(self.objects.clone().remove_object(request).await)?;
        policy_version(response.policy_version)
    }

    async fn ping(&self) -> Result<(), Fault> {
        let message = HealthCheckRequest { service: "dependency.database".to_owned() };

        let request = self.service_call.request(message, None)?;
        let response = permission_result(self.health.clone().check(request).await)?;

        if response.status() == ServingStatus::Serving {
            Ok(())
        } else {
            Err(Fault::new(
                Reason::PermissionUnavailable,
                "The permission service cannot reach its database. Try again.",
            ))
        }
    }
}

fn permission_result<T>(result: Result<tonic::Response<T>, tonic::Status>) -> Result<T, Fault> {
    into_result(result, Reason::PermissionUnavailable, "permission")
}

/// Whether permission itself has decided against the request.
fn is_refusal(fault: &Fault) -> bool {
    let refusals =
        [Kind::InvalidArgument, Kind::NotFound, Kind::FailedPrecondition, Kind::PermissionDenied];
    refusals.contains(&fault.reason().kind())
}

fn policy_version(number: i64) -> Result<PolicyVersion, Fault> {
    PolicyVersion::try_from(number).map_err(Fault::internal)
}

fn object_to_wire(object: ObjectQuery) -> wire::ObjectReference {
    let (kind, id) = match object {
        ObjectQuery::Platform => (ObjectKind::Platform, String::new()),
        ObjectQuery::Group(id) => (ObjectKind::Group, id),
        ObjectQuery::Id(kind, id) => (kind, id.to_string()),
    };
    wire::ObjectReference { kind: wire::ObjectKind::from(kind).into(), id }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reasons: &[Reason], want: bool) {
        for reason in reasons {
            assert_eq!(is_refusal(&Fault::new(*reason, "registration failed")), want, "{reason:?}");
        }
    }

    #[test]
    fn only_decisions_of_permission_are_refusals() {
        let decisions = [
            Reason::FieldInvalid,
            Reason::GroupNotFound,
            Reason::UserNotFound,
            Reason::GrantRegistered,
            Reason::ServiceOnly,
        ];
        check(&decisions, true);

        let failures = [
            Reason::PermissionUnavailable,
            Reason::DeadlineExceeded,
            Reason::Conflict,
            Reason::TokenExpired,
            Reason::Internal,
        ];
        check(&failures, false);
    }
}

//! Domain events as messages: an event for consumers, and a mutation for the projections.

use serde::Serialize;
use serde_json::Value;
use slipway_names::unit::PolicyVersion;
use slipway_wire::{
    event::v1::{GrantChanged, GroupChanged, MemberChanged, UserChanged},
    permission::v1::{GrantMutation, grant_mutation::Mutation},
};

use crate::domain::{event::DomainEvent, grant::Grant, group::Membership};

/// An event for consumers.
#[derive(Debug, Clone, PartialEq)]
pub struct EventMessage {
    pub event_type: &'static str,
    /// The id of the object, group or user that the event is about.
    pub subject: String,
    /// proto3 JSON.
    pub data: Value,
}

impl EventMessage {
    /// `policy_version` is the one that the change gets if a grant or membership changes; other
    /// events ignore it.
    ///
    /// # Errors
    /// When the data has no JSON form: a defect.
    pub fn new(
        event: &DomainEvent,
        policy_version: PolicyVersion,
    ) -> Result<Self, serde_json::Error> {
        match event {
            DomainEvent::GrantCreated(grant) => {
                let data = grant_changed(grant, policy_version);
                message("permission.grant.created", grant.object, data)
            }
            DomainEvent::GrantDeleted(grant) => {
                let data = grant_changed(grant, policy_version);
                message("permission.grant.deleted", grant.object, data)
            }
            DomainEvent::MemberAdded { membership, group_name } => {
                let data = member_changed(membership, group_name, policy_version);
                message("permission.member.added", membership.group, data)
            }
            DomainEvent::MemberRemoved { membership, group_name } => {
                let data = member_changed(membership, group_name, policy_version);
                message("permission.member.removed", membership.group, data)
            }
            DomainEvent::GroupCreated(group) => {
                let data =
                    GroupChanged { group_id: group.id.to_string(), group_name: group.name.clone() };
                message("permission.group.created", group.id, data)
            }
            DomainEvent::UserInvited(user) => {
                let data = UserChanged { user_id: user.id.to_string() };
                message("permission.user.invited", user.id, data)
            }
        }
    }
}

/// The mutation that projections apply; `None` when the event changes no role.
pub fn mutation(event: &DomainEvent) -> Option<GrantMutation> {
    let mutation = match event {
        DomainEvent::GrantCreated(grant) => Mutation::PutGrant(grant.into()),
        DomainEvent::GrantDeleted(grant) => Mutation::DeleteGrantId(grant.id.to_string()),
        DomainEvent::MemberAdded { membership, .. } => Mutation::PutMembership(membership.into()),
        DomainEvent::MemberRemoved { membership, .. } => {
            Mutation::DeleteMembership(membership.into())
        }
        DomainEvent::GroupCreated(_) | DomainEvent::UserInvited(_) => return None,
    };

    Some(GrantMutation { mutation: Some(mutation) })
}

fn message(
    event_type: &'static str,
    subject: impl ToString,
    data: impl Serialize,
) -> Result<EventMessage, serde_json::Error> {
    Ok(EventMessage { event_type, subject: subject.to_string(), data: serde_json::to_value(data)? })
}

fn grant_changed(grant: &Grant, policy_version: PolicyVersion) -> GrantChanged {
    GrantChanged { grant: Some(grant.into()), policy_version: policy_version.get() }
}

fn member_changed(
    membership: &Membership,
    group_name: &str,
    policy_version: PolicyVersion,
) -> MemberChanged {
    MemberChanged {
        group_id: membership.group.to_string(),
        group_name: group_name.to_owned(),
        user_id: membership.user.to_string(),
        admin: membership.admin,
        policy_version: policy_version.get(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use slipway_authz::{object::ObjectKind, role::Role, subject::SubjectKind};
    use slipway_names::{
        id::{GrantId, GroupId, ObjectId, UserId},
        unit::Micros,
    };
    use uuid::Uuid;

    use super::*;
    use crate::domain::{group::Group, subject::Subject, user::User};

    const GRANT: &str = "00000000-0000-0000-0000-000000000001";
    const GROUP: &str = "00000000-0000-0000-0000-000000000002";
    const USER: &str = "00000000-0000-0000-0000-000000000003";
    const TIME: Micros = Micros(1_700_000_000_000_001);

    #[track_caller]
    fn check(event: &DomainEvent, event_type: &str, subject: &str, data: Value) {
        let policy_version = PolicyVersion::try_from(7).unwrap();

        let message = EventMessage::new(event, policy_version).unwrap();
        assert_eq!((message.event_type, message.subject.as_str()), (event_type, subject));
        assert_eq!(message.data, data, "{event_type}");
    }

    fn grant() -> Grant {
        Grant {
            id: GrantId(Uuid::from_u128(1)),
            object: ObjectId(Uuid::from_u128(2)),
            object_kind: ObjectKind::Group,
            subject: Subject { kind: SubjectKind::User, id: Some(Uuid::from_u128(3)) },
            role: Role::Writer,
            expire_time: Some(TIME),
            registered: false,
        }
    }

    fn membership(admin: bool) -> Membership {
        let group = GroupId(Uuid::from_u128(2));
        let user = UserId(Uuid::from_u128(3));

        Membership { group, user, admin }
    }

    #[test]
    fn grant_events_carry_the_grant_and_the_policy_version() {
        let data = json!({
            "grant": {
                "id": GRANT,
                "object": {"kind": "OBJECT_KIND_GROUP", "id": GROUP},
                "subject": {"kind": "SUBJECT_KIND_USER", "id": USER},
                "role": "ROLE_WRITER",
                "expireTime": "2023-11-14T22:13:20.000001+00:00",
            },
            "policyVersion": "7",
        });

        let created = DomainEvent::GrantCreated(grant());
        check(&created, "permission.grant.created", GROUP, data.clone());
        check(&DomainEvent::GrantDeleted(grant()), "permission.grant.deleted", GROUP, data);
    }

    #[test]
    fn grant_to_everyone_has_an_empty_subject_id_and_no_expiry() {
        let grant = Grant {
            subject: Subject { kind: SubjectKind::Everyone, id: None },
            expire_time: None,
            ..grant()
        };
        let data = json!({
            "grant": {
                "id": GRANT,
                "object": {"kind": "OBJECT_KIND_GROUP", "id": GROUP},
                "subject": {"kind": "SUBJECT_KIND_EVERYONE", "id": ""},
                "role": "ROLE_WRITER",
            },
            "policyVersion": "7",
        });

        check(&DomainEvent::GrantCreated(grant), "permission.grant.created", GROUP, data);
    }

    #[test]
    fn member_events_carry_group_user_and_the_policy_version() {
        let group_name = "vision".to_owned();
        let added = DomainEvent::MemberAdded {
            membership: membership(true),
            group_name: group_name.clone(),
        };
        let data = json!({
            "groupId": GROUP,
            "groupName": "vision",
            "userId": USER,
            "admin": true,
            "policyVersion": "7",
        });
        check(&added, "permission.member.added", GROUP, data);

        let removed = DomainEvent::MemberRemoved { membership: membership(false), group_name };
        let data = json!({
            "groupId": GROUP,
            "groupName": "vision",
            "userId": USER,
            "admin": false,
            "policyVersion": "7",
        });
        check(&removed, "permission.member.removed", GROUP, data);
    }

    #[test]
    fn group_and_user_events_carry_ids_and_no_personal_data() {
        let group = Group {
            id: GroupId(Uuid::from_u128(2)),
            name: "vision".to_owned(),
            display_name: "Computer vision".to_owned(),
            create_time: TIME,
        };
        let data = json!({"groupId": GROUP, "groupName": "vision"});
        check(&DomainEvent::GroupCreated(group), "permission.group.created", GROUP, data);

        let user = User {
            id: UserId(Uuid::from_u128(3)),
            issuer: "https://issuer".to_owned(),
            subject: "alice".to_owned(),
            name: "Alice".to_owned(),
            seen: false,
            create_time: TIME,
        };
        let data = json!({"userId": USER});
        check(&DomainEvent::UserInvited(user), "permission.user.invited", USER, data);
    }
}

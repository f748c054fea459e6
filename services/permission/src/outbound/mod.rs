//! What happened, as wire messages: one event for consumers, one mutation for the projections.

use serde_json::Value;
use slipway_fault::Fault;
use slipway_names::grant::{ObjectKind, Role, SubjectKind};
use slipway_wire::{
    event::v1::{GrantChanged, GroupChanged, MemberChanged, UserChanged},
    permission::v1 as wire,
};

use crate::domain::{
    grant::Grant,
    group::{Group, Membership},
    user::User,
};

/// One thing that a change did.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    GrantCreated(Grant, ObjectKind),
    GrantDeleted(Grant, ObjectKind),
    MemberAdded(Membership, String),
    MemberRemoved(Membership, String),
    GroupCreated(Group),
    UserInvited(User),
}

impl Told {
    /// Type, subject and data of its event.
    pub(crate) fn event(&self, revision: i64) -> Result<(&'static str, String, Value), Fault> {
        let grant_changed = |grant: &Grant, kind| GrantChanged {
            grant: Some(grant_to_wire(grant, kind)),
            revision,
        };
        let member_changed = |membership: &Membership, name: &String| MemberChanged {
            group_id: membership.group.to_string(),
            group_name: name.clone(),
            user_id: membership.user.to_string(),
            admin: membership.admin,
            revision,
        };
        let (kind, subject, data) = match self {
            Self::GrantCreated(grant, kind) => (
                "permission.grant.created",
                grant.object.to_string(),
                serde_json::to_value(grant_changed(grant, *kind)),
            ),
            Self::GrantDeleted(grant, kind) => (
                "permission.grant.deleted",
                grant.object.to_string(),
                serde_json::to_value(grant_changed(grant, *kind)),
            ),
            Self::MemberAdded(membership, name) => (
                "permission.member.added",
                membership.group.to_string(),
                serde_json::to_value(member_changed(membership, name)),
            ),
            Self::MemberRemoved(membership, name) => (
                "permission.member.removed",
                membership.group.to_string(),
                serde_json::to_value(member_changed(membership, name)),
            ),
            Self::GroupCreated(group) => (
                "permission.group.created",
                group.id.to_string(),
                serde_json::to_value(GroupChanged {
                    group_id: group.id.to_string(),
                    group_name: group.name.clone(),
                }),
            ),
            Self::UserInvited(user) => (
                "permission.user.invited",
                user.id.to_string(),
                serde_json::to_value(UserChanged { user_id: user.id.to_string() }),
            ),
        };
        Ok((kind, subject, data.map_err(Fault::internal)?))
    }

    /// What projections apply.
    pub(crate) fn mutation(&self) -> Option<wire::GrantMutation> {
        use wire::grant_mutation::Mutation;
        let mutation = match self {
            Self::GrantCreated(grant, kind) => Mutation::PutGrant(grant_to_wire(grant, *kind)),
            Self::GrantDeleted(grant, _) => Mutation::DeleteGrantId(grant.id.to_string()),
            Self::MemberAdded(membership, _) => {
                Mutation::PutMembership(membership_to_wire(membership))
            }
            Self::MemberRemoved(membership, _) => {
                Mutation::DeleteMembership(membership_to_wire(membership))
            }
            Self::GroupCreated(_) | Self::UserInvited(_) => return None,
        };
        Some(wire::GrantMutation { mutation: Some(mutation) })
    }
}

pub(crate) fn membership_to_wire(membership: &Membership) -> wire::Membership {
    wire::Membership {
        group_id: membership.group.to_string(),
        user_id: membership.user.to_string(),
        admin: membership.admin,
    }
}

pub(crate) fn grant_to_wire(grant: &Grant, kind: ObjectKind) -> wire::Grant {
    let object_kind = match kind {
        ObjectKind::Platform => wire::ObjectKind::Platform,
        ObjectKind::Group => wire::ObjectKind::Group,
        ObjectKind::Image => wire::ObjectKind::Image,
    };
    let subject_kind = match grant.subject.kind {
        SubjectKind::User => wire::SubjectKind::User,
        SubjectKind::Group => wire::SubjectKind::Group,
        SubjectKind::GroupAdmins => wire::SubjectKind::GroupAdmins,
        SubjectKind::Everyone => wire::SubjectKind::Everyone,
    };
    let role = match grant.role {
        Role::Reader => wire::Role::Reader,
        Role::Writer => wire::Role::Writer,
        Role::Manager => wire::Role::Manager,
    };
    wire::Grant {
        id: grant.id.to_string(),
        object: Some(wire::ObjectReference {
            kind: object_kind.into(),
            id: grant.object.to_string(),
        }),
        subject: Some(wire::Subject {
            kind: subject_kind.into(),
            id: grant.subject.id.map(|id| id.to_string()).unwrap_or_default(),
        }),
        role: role.into(),
        expire_time: grant.expire.map(|micros| slipway_database::from_micros(micros).into()),
    }
}

//! Groups and members.

use chrono::DateTime;
use slipway_wire::permission::v1 as wire;

use crate::domain::group::{Group, Member, Membership};

impl From<Group> for wire::Group {
    fn from(group: Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name,
            display_name: group.display_name,
            create_time: Some(DateTime::from(group.create_time).into()),
        }
    }
}

impl From<Member> for wire::Member {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user.id.to_string(),
            user_name: member.user.name,
            admin: member.admin,
        }
    }
}

impl From<&Membership> for wire::Membership {
    fn from(membership: &Membership) -> Self {
        Self {
            group_id: membership.group.to_string(),
            user_id: membership.user.to_string(),
            admin: membership.admin,
        }
    }
}

//! What a change did, for consumers of events and for the projections.

use crate::domain::{
    grant::Grant,
    group::{Group, Membership},
    user::User,
};

/// One effect of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainEvent {
    GrantCreated(Grant),
    GrantDeleted(Grant),
    MemberAdded { membership: Membership, group_name: String },
    MemberRemoved { membership: Membership, group_name: String },
    GroupCreated(Group),
    UserInvited(User),
}

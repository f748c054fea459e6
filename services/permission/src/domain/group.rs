//! Groups and their members.

use slipway_names::{
    id::{GroupId, ObjectId, UserId},
    unit::Micros,
};

use crate::domain::user::User;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    /// Never changes, because names of images contain it.
    pub name: String,
    pub display_name: String,
    pub create_time: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    pub group: GroupId,
    pub user: UserId,
    /// Admins manage the group and its images.
    pub admin: bool,
}

/// A user as a member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub user: User,
    /// As in [`Membership`].
    pub admin: bool,
}

/// The object of a group. An absent group takes the same statements as an invisible one and gives
/// the same error, so that neither text nor time tells which groups exist.
pub fn object_of(group: Option<&Group>) -> ObjectId {
    group.map_or(ObjectId::ABSENT, |group| group.id.into())
}

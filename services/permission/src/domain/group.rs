//! Groups and their members.

use slipway_names::{
    id::{GroupId, UserId},
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

//! Groups and their members.

use slipway_names::id::{GroupId, UserId};

/// Users who share images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Never changes: images are addressed by it.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// Microseconds since the Unix epoch.
    pub create_time: i64,
}

/// One user's place in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// The user.
    pub user: UserId,
    /// Manages the group and its images.
    pub admin: bool,
}

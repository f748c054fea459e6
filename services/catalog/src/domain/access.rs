//! Who may read an image, beside the managers of its owner. The rule by which a user sees an image
//! is `slipway_authz::projection::condition`.

use serde::{Deserialize, Serialize};
use slipway_names::id::{AccessChangeId, GroupId, UserId};

/// A group whose members may read an image. Group names never change, so the name is stored too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessGroup {
    /// Used in grants.
    pub id: GroupId,
    /// Shown to people.
    pub name: String,
}

/// The readers of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Every signed-in user.
    pub global: bool,
    /// Members of these groups.
    pub groups: Vec<AccessGroup>,
    /// These users.
    pub users: Vec<UserId>,
}

impl Access {
    /// The part that callers without MANAGER see: groups and users are removed.
    #[must_use]
    pub fn for_readers(self) -> Self {
        Self { global: self.global, ..Self::default() }
    }
}

/// Access as the caller requests it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestedAccess {
    /// Every signed-in user.
    pub global: bool,
    /// Groups by name or id.
    pub groups: Vec<String>,
    pub users: Vec<UserId>,
}

/// A change of an image's access that has begun. It takes effect when permission has registered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessChange {
    pub id: AccessChangeId,
    /// The access after the change.
    pub access: Access,
}

impl AccessChange {
    pub fn new(access: Access) -> Self {
        Self { id: AccessChangeId::new(), access }
    }
}

//! Who may read an image, beside its owner's managers.

use serde::{Deserialize, Serialize};
use slipway_names::id::{GroupId, UserId};

/// A group that may read it. Its name stands beside its id, since names do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingGroup {
    /// What grants go by.
    pub id: GroupId,
    /// What people go by.
    pub name: String,
}

/// Who may read an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Every signed-in user.
    pub global: bool,
    /// Members of groups.
    pub groups: Vec<ReadingGroup>,
    /// Users.
    pub users: Vec<UserId>,
}

impl Access {
    /// What those see of it who do not manage the image.
    #[must_use]
    pub fn for_readers(self) -> Self {
        Self { global: self.global, ..Self::default() }
    }
}

//! Typed UUIDs. New ids are version 7, so they sort by time; user ids are derived from who the user is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a UUID")]
pub struct InvalidId {
    text: String,
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that sorts behind all earlier ones.
            #[expect(clippy::new_without_default, reason = "every call gives another value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId { text: text.chars().take(64).collect() })
            }
        }
    )*};
}

id!(
    /// An image of the catalog.
    ImageId,
    /// One build, made by the catalog before the builder knows of it.
    BuildId,
    /// A user: see [`UserId::derive`].
    UserId,
    /// A group of users.
    GroupId,
    /// One grant.
    GrantId,
    /// Anything that grants are about: the platform, a group, an image.
    ObjectId,
    /// A caller's id of one create, for safe repetition.
    RequestId
);

/// Namespace of user ids (RFC 9562, section 5.5).
const USERS: Uuid = Uuid::from_u128(0x6f1c_1f9e_7c3b_4e0a_9d55_51e9_3a2b_7c10);

impl UserId {
    /// The same issuer and subject give the same id on every replica, before anybody stored it.
    pub fn derive(issuer: &str, subject: &str) -> Self {
        Self(Uuid::new_v5(&USERS, format!("{issuer}\n{subject}").as_bytes()))
    }
}

impl ObjectId {
    /// The one platform object.
    pub const PLATFORM: Self = Self(Uuid::from_u128(0x6f1c_1f9e_7c3b_4e0a_9d55_51e9_3a2b_7c11));
    /// No object has it: what is absent is decided by the same statements as what is there.
    pub const ABSENT: Self = Self(Uuid::nil());
}

impl From<ImageId> for ObjectId {
    fn from(id: ImageId) -> Self {
        Self(id.0)
    }
}

impl From<GroupId> for ObjectId {
    fn from(id: GroupId) -> Self {
        Self(id.0)
    }
}

impl ImageId {
    /// The part of the id that tells repositories of images apart whose names were reused.
    pub fn short(self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

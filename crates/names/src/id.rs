//! Typed UUIDs. New ids are version 7, so they sort by time; user ids are derived from issuer and
//! subject.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a UUID")]
pub struct InvalidId {
    text: String,
}

/// The text's first 64 characters, because it is shown in an error message.
fn invalid_id(text: &str) -> InvalidId {
    InvalidId { text: text.chars().take(64).collect() }
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "sea-orm", derive(sea_orm::DeriveValueType))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that sorts after all earlier ones.
            #[expect(clippy::new_without_default, reason = "every call returns another value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        /// Required of every primary key; only keys that MySQL generates use it.
        #[cfg(feature = "sea-orm")]
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| invalid_id(text))
            }
        }
    )*};
}

id!(
    /// An image of the catalog.
    ImageId,
    /// One build. The catalog creates the id before it requests the build.
    BuildId,
    /// A user: see [`UserId::derive`].
    UserId,
    /// A group of users.
    GroupId,
    /// One grant.
    GrantId,
    /// One change of an image's access.
    AccessChangeId,
    /// An object of grants: the platform, a group or an image.
    ObjectId,
    /// The caller's id of one create request, which makes a retry safe.
    RequestId,
    /// A worker of the builder; a new one after each start.
    WorkerId
);

/// Namespace of user ids (RFC 9562, section 5.5).
const USER_NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_1f9e_7c3b_4e0a_9d55_51e9_3a2b_7c10);

impl UserId {
    /// The id of a token's issuer and subject: the same on every replica, also before the user is
    /// stored.
    pub fn derive(issuer: &str, subject: &str) -> Self {
        Self(Uuid::new_v5(&USER_NAMESPACE, format!("{issuer}\n{subject}").as_bytes()))
    }
}

impl ObjectId {
    /// The platform object. There is exactly one.
    pub const PLATFORM: Self = Self(Uuid::from_u128(0x6f1c_1f9e_7c3b_4e0a_9d55_51e9_3a2b_7c11));

    /// The id of no object. A check of an absent object uses it, so that it runs the same
    /// statements as a check of an existing one.
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
    /// The last 8 hexadecimal digits. They are part of the repository's name, so that two images
    /// that used the same name one after the other have different repositories.
    pub fn short(self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

//! The words of grants: roles, kinds of subjects and of objects.

use std::{fmt, str::FromStr};

/// The text is none of the closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of the known words")]
pub struct UnknownWord(String);

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {$($(#[$variant_doc])* $variant,)*}

        impl $name {
            /// All, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As stored and shown.
            pub fn as_str(self) -> &'static str {
                match self {$(Self::$variant => $text,)*}
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord(text.chars().take(40).collect()))
            }
        }
    )*};
}

words! {
    /// What a grant allows; each includes the ones before it.
    Role {
        /// List, resolve, pull, see build state.
        Reader = "reader",
        /// Also edit, build, cancel, read logs.
        Writer = "writer",
        /// Also delete, share, grant.
        Manager = "manager",
    }
    /// Who a grant is for.
    SubjectKind {
        /// One user.
        User = "user",
        /// Every member of a group.
        Group = "group",
        /// The admins of a group.
        GroupAdmins = "group_admins",
        /// Any signed-in caller.
        Everyone = "everyone",
    }
    /// What a grant is about.
    ObjectKind {
        /// Slipway itself: a grant here reaches every object.
        Platform = "platform",
        /// A group.
        Group = "group",
        /// An image of the catalog.
        Image = "image",
    }
}

impl Role {
    /// For comparing in SQL: 1, 2, 3.
    pub fn rank(self) -> i32 {
        match self {
            Self::Reader => 1,
            Self::Writer => 2,
            Self::Manager => 3,
        }
    }
}

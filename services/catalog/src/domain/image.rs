//! Images: an entry that people pick.

use std::{fmt, str::FromStr};

use slipway_names::id::{GroupId, ImageId, UserId};

use crate::domain::{access::Access, build::Outcome, revision::RevisionState};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {$($(#[$variant_doc])* $variant,)*}

        impl $name {
            /// As stored.
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
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is no {}", stringify!($name))),
                }
            }
        }
    )*};
}
pub(crate) use words;

words! {
    /// What an image runs on.
    ImageType {
        /// CPU nodes; GPU nodes with a note.
        Cpu = "cpu",
        /// GPU nodes.
        Gpu = "gpu",
        /// Both, perhaps by two references.
        Universal = "universal",
    }
    /// Who made what it points at.
    ImageSource {
        /// Somebody else.
        Existing = "existing",
        /// A build of ours.
        Custom = "custom",
    }
    /// Where it is in its life.
    ImageState {
        /// Invisible: permission does not know it yet.
        Creating = "creating",
        /// Its first build is under way.
        Building = "building",
        /// Some revision resolves.
        Ready = "ready",
        /// No revision resolves, and the last build failed.
        Failed = "failed",
        /// No revision resolves, and the last build was cancelled.
        Cancelled = "cancelled",
    }
}

/// An image. Times are microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// `None` for the system's.
    pub owner: Option<GroupId>,
    /// `system`, or the group's name.
    pub owner_name: String,
    /// Unique within the owner.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// For people.
    pub description: String,
    /// What it runs on.
    pub kind: ImageType,
    /// Who made what it points at.
    pub source: ImageSource,
    /// Where it is in its life.
    pub state: ImageState,
    /// Who may read it.
    pub access: Access,
    /// The permission revision at which access or content was last decided.
    pub access_revision: i64,
    /// 0 while none is READY.
    pub active_revision: i32,
    /// The newest one.
    pub latest_revision: i32,
    /// Who made it.
    pub creator: UserId,
    /// When.
    pub create_time: i64,
    /// When people or builds last changed it.
    pub update_time: i64,
    /// Number of its last event.
    pub sequence: i64,
    /// Number of its last edit; the etag.
    pub edits: i64,
}

impl Image {
    /// `<owner>/<name>`
    pub fn qualified_name(&self) -> String {
        format!("{}/{}", self.owner_name, self.name)
    }
}

/// What an image becomes when the build of one of its revisions ends. A READY image stays READY.
pub fn settle(
    state: ImageState,
    active: i32,
    latest: i32,
    revision: i32,
    outcome: Outcome,
) -> (ImageState, i32) {
    match outcome {
        Outcome::Succeeded => (ImageState::Ready, active.max(revision)),
        _ if active > 0 || revision < latest => (state, active),
        Outcome::Failed => (ImageState::Failed, active),
        Outcome::Cancelled => (ImageState::Cancelled, active),
    }
}

/// What a revision becomes.
pub fn revision_state(outcome: Outcome) -> RevisionState {
    match outcome {
        Outcome::Succeeded => RevisionState::Ready,
        Outcome::Failed => RevisionState::Failed,
        Outcome::Cancelled => RevisionState::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_settle() {
        use ImageState::{Building, Cancelled, Failed, Ready};
        let check = |state, active, latest, revision, outcome, want| {
            assert_eq!(settle(state, active, latest, revision, outcome), want)
        };
        check(Building, 0, 1, 1, Outcome::Succeeded, (Ready, 1));
        check(Building, 0, 1, 1, Outcome::Failed, (Failed, 0));
        check(Building, 0, 1, 1, Outcome::Cancelled, (Cancelled, 0));
        check(Ready, 1, 2, 2, Outcome::Failed, (Ready, 1));
        check(Ready, 1, 2, 2, Outcome::Succeeded, (Ready, 2));
        check(Ready, 3, 3, 2, Outcome::Succeeded, (Ready, 3));
        check(Building, 0, 2, 1, Outcome::Failed, (Building, 0));
    }
}

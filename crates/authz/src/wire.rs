//! Conversions of roles, subject kinds and object kinds to and from permission's protos. There are
//! no others.

use slipway_wire::permission::v1 as wire;

use crate::{object::ObjectKind, role::Role, subject::SubjectKind};

/// The value of the wire enum is missing, or only a newer version knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {known}")]
pub struct UnknownValue {
    /// The values that this version knows, as text for a message.
    known: &'static str,
}

impl From<Role> for wire::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Reader => Self::Reader,
            Role::Writer => Self::Writer,
            Role::Manager => Self::Manager,
        }
    }
}

impl TryFrom<wire::Role> for Role {
    type Error = UnknownValue;

    fn try_from(role: wire::Role) -> Result<Self, UnknownValue> {
        match role {
            wire::Role::Reader => Ok(Self::Reader),
            wire::Role::Writer => Ok(Self::Writer),
            wire::Role::Manager => Ok(Self::Manager),
            wire::Role::Unspecified => {
                Err(UnknownValue { known: "ROLE_READER, ROLE_WRITER or ROLE_MANAGER" })
            }
        }
    }
}

impl From<SubjectKind> for wire::SubjectKind {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::User => Self::User,
            SubjectKind::Group => Self::Group,
            SubjectKind::GroupAdmins => Self::GroupAdmins,
            SubjectKind::Everyone => Self::Everyone,
        }
    }
}

impl TryFrom<wire::SubjectKind> for SubjectKind {
    type Error = UnknownValue;

    fn try_from(kind: wire::SubjectKind) -> Result<Self, UnknownValue> {
        match kind {
            wire::SubjectKind::User => Ok(Self::User),
            wire::SubjectKind::Group => Ok(Self::Group),
            wire::SubjectKind::GroupAdmins => Ok(Self::GroupAdmins),
            wire::SubjectKind::Everyone => Ok(Self::Everyone),
            wire::SubjectKind::Unspecified => Err(UnknownValue {
                known: "SUBJECT_KIND_USER, SUBJECT_KIND_GROUP, SUBJECT_KIND_GROUP_ADMINS or \
                        SUBJECT_KIND_EVERYONE",
            }),
        }
    }
}

impl From<ObjectKind> for wire::ObjectKind {
    fn from(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Platform => Self::Platform,
            ObjectKind::Group => Self::Group,
            ObjectKind::Image => Self::Image,
        }
    }
}

impl TryFrom<wire::ObjectKind> for ObjectKind {
    type Error = UnknownValue;

    fn try_from(kind: wire::ObjectKind) -> Result<Self, UnknownValue> {
        match kind {
            wire::ObjectKind::Platform => Ok(Self::Platform),
            wire::ObjectKind::Group => Ok(Self::Group),
            wire::ObjectKind::Image => Ok(Self::Image),
            wire::ObjectKind::Unspecified => Err(UnknownValue {
                known: "OBJECT_KIND_PLATFORM, OBJECT_KIND_GROUP or OBJECT_KIND_IMAGE",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// `words` are all words of one kind; `unspecified` is the wire value that stands for none.
    #[track_caller]
    fn check<W, V>(words: &[W], unspecified: V, name: fn(&V) -> &'static str)
    where
        W: Copy + Debug + PartialEq + TryFrom<V, Error = UnknownValue>,
        V: From<W>,
    {
        let refusal = W::try_from(unspecified).unwrap_err().to_string();

        for word in words {
            let value = V::from(*word);
            assert!(refusal.contains(name(&value)), "{word:?} is not in `{refusal}`");
            assert_eq!(W::try_from(value), Ok(*word));
        }
    }

    #[test]
    fn every_word_converts_to_its_wire_value_and_back() {
        check(Role::ALL, wire::Role::Unspecified, wire::Role::as_str_name);
        check(SubjectKind::ALL, wire::SubjectKind::Unspecified, wire::SubjectKind::as_str_name);
        check(ObjectKind::ALL, wire::ObjectKind::Unspecified, wire::ObjectKind::as_str_name);
    }
}

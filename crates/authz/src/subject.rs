//! Subjects: the users that a grant is for.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::word::UnknownWord;

/// The kind of subject that a grant is for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(
    serialize_all = "snake_case",
    parse_err_ty = UnknownWord,
    parse_err_fn = UnknownWord::new
)]
pub enum SubjectKind {
    /// One user.
    User,
    /// Every member of a group.
    Group,
    /// The admins of a group.
    GroupAdmins,
    /// Any signed-in caller.
    Everyone,
}

impl SubjectKind {
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// The form in databases, in messages to users and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_two_words_parses_from_its_text() {
        assert_eq!("group_admins".parse(), Ok(SubjectKind::GroupAdmins));
    }
}

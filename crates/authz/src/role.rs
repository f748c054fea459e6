//! Roles.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::word::UnknownWord;

/// The rights that a grant gives. Each role includes the roles before it. A column stores the rank.
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
#[cfg_attr(
    feature = "database",
    derive(strum::EnumIter, sea_orm::DeriveActiveEnum),
    sea_orm(rs_type = "i32", db_type = "Integer")
)]
#[strum(
    serialize_all = "snake_case",
    parse_err_ty = UnknownWord,
    parse_err_fn = UnknownWord::new
)]
pub enum Role {
    /// List, resolve, pull, see build state.
    Reader = 1,
    /// Also edit, build, cancel, read logs.
    Writer = 2,
    /// Also delete, share, grant.
    Manager = 3,
}

impl Role {
    /// All roles, the weakest first.
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// The form in messages to users and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// 1, 2 or 3: a number, so that SQL can compare roles.
    pub fn rank(self) -> i32 {
        self as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_parses_from_its_text() {
        assert_eq!(Role::ALL, [Role::Reader, Role::Writer, Role::Manager]);
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
        }
    }

    #[test]
    fn unknown_text_is_refused_and_shortened() {
        let message = "x".repeat(50).parse::<Role>().unwrap_err().to_string();
        assert_eq!(message, format!("`{}` is not one of the known words", "x".repeat(40)));
    }
}
